// The node's certificate is short-lived; it is renewed over the link, with the same key.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "agent/node_state.h"
#include "engine/base/time.h"

namespace agent {

// A certificate that begins so much later than now was made by a clock that was ahead, or this
// machine's is behind: either way another one is asked for, as long as it is so now and then.
inline constexpr int64_t kLaterSeconds = 3600;
inline constexpr engine::Duration kLaterPause = std::chrono::hours(4);

// RenewalIsDue is true when at most a third of the certificate's life is left, or when it cannot be
// read; or when it begins later, and nobody has asked for kLaterPause.
bool RenewalIsDue(const std::string& certificate_pem, int64_t unix_now,
                  engine::Duration since_asked);

// RenewalRequest returns a signing request (PKCS #10, PEM) for the node's key.
absl::StatusOr<std::string> RenewalRequest(const NodeState& state);

// WithCertificate returns the state with the relay's new certificate, foreign text, in it.
// InvalidArgument: it is not for this node, or not for its key, or it ends no later than the one
// that is there: the relay's clock was behind when it made it. Unless the one that is there begins
// later than now, and the new one is right by this machine's clock, which nothing contradicts.
absl::StatusOr<NodeState> WithCertificate(const NodeState& state,
                                          const std::string& certificate_pem, int64_t unix_now);

}  // namespace agent
