// What is said to the user about sealed sessions: what happened, why, and what to do next.

#pragma once

#include <string>
#include <string_view>

#include "client/known_nodes.h"
#include "client/sealed_proof.h"
#include "engine/wire/host_port.h"

namespace client {

// MeetingText is said at first contact, and refuses a node that shows another key than before or
// took another node's name. Empty for a known one.
std::string MeetingText(const KnownNodes::Meeting& meeting, const KnownNodes::Node& node,
                        std::string_view fingerprint, const std::string& path);

// ProofErrorText says that the relay's answer does not prove that the node takes part. Requires:
// `error` is not kNone.
std::string ProofErrorText(ProofError error, std::string_view node);

// NodeTlsText: the connection was joined, and TLS with the node failed.
std::string NodeTlsText(std::string_view node, const engine::HostPort& relay,
                        std::string_view detail);

// WrappedText is the one line that says that raw bytes do not pass.
std::string WrappedText(const engine::HostPort& relay);

// UnsealedText is the notice that a session is inspected because it cannot be sealed, and
// NotSealedText the error where the user insisted. `why` is the relay's word; it may be empty.
std::string UnsealedText(std::string_view node, std::string_view why);
std::string NotSealedText(std::string_view node, std::string_view why);

// NoLongerSealedText is the error for a node that was met sealed before.
std::string NoLongerSealedText(std::string_view node, std::string_view why);

// CutText adds to what we saw of a link's end why the relay ended the session.
std::string CutText(std::string_view node, std::string_view reason);

}  // namespace client
