// What a session is asked for with, and why there is none.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "relay/documents/carriage_rule.h"
#include "relay/documents/placeholder.h"
#include "relay/documents/resolve_document.h"

namespace relay {

struct StartFailure {
  enum class Kind : uint8_t {
    kInvalidDocument,
    kInvalidParameters,
    kCarriage,  // Document or node do not allow, or cannot do, what was asked for.
    kNotConnected,
    kTooMany,  // A maximum of the broker.
    kStore,
  };
  Kind kind;
  std::string text;
};

// WishOutcome is what document, parameters and preferences make of a wish.
using WishOutcome = std::variant<ResolvedSession, StartFailure>;

// StartRequest is an authenticated wish for a session.
struct StartRequest {
  std::string user_name;
  std::string principal;
  std::string owner_id;  // Caller::UserId
  std::string source_ip;
  std::string node_id;
  std::string document;  // Empty: kShellDocument.
  ParameterValues parameters;
  std::string reason;
  std::optional<Carriage> carriage;  // Nothing: the client did not say.
  // What the caller's policies and tags say, for whoever authorises to fill in.
  std::string run_as_tag;          // The principal's tag SSMSessionRunAs.
  bool may_be_link_local = false;  // A policy names the link-local address as the target.
  std::string client_key;          // For a sealed one: the SHA-256 of its key, in hexadecimal.
  bool comes_again = false;        // The client can, when it has lost its connections.
  // The loop of the connection that the client would join with; nothing: it dials one.
  std::optional<uint32_t> joins_on;
  // What the caller was allowed, so that nothing else is granted; null: it is found out now.
  std::shared_ptr<const WishOutcome> resolved;
};

}  // namespace relay
