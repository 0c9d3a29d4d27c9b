// The node's certificate is short-lived; it is renewed over the link, with the same key.

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "agent/node_state.h"

namespace agent {

// RenewalIsDue is true when at most a third of the certificate's life is left, or when it cannot be
// read.
bool RenewalIsDue(const std::string& certificate_pem, int64_t unix_now);

// RenewalRequest returns a signing request (PKCS #10, PEM) for the node's key.
absl::StatusOr<std::string> RenewalRequest(const NodeState& state);

// WithCertificate returns the state with the relay's new certificate, foreign text, in it.
// InvalidArgument: it is not for this node, or not for its key, or it ends no later than the one
// that is there: the relay's clock was behind when it made it.
absl::StatusOr<NodeState> WithCertificate(const NodeState& state,
                                          const std::string& certificate_pem);

}  // namespace agent
