// From a wish to what its session may be: document and preferences are looked up here.

#pragma once

#include <string_view>
#include <variant>

#include "relay/broker/session_wish.h"
#include "relay/documents/resolve_document.h"

namespace relay {

class Store;

// ResolveWish looks at the wish alone, not at its node. The carriage that was asked for is one that
// the document allows.
std::variant<ResolvedSession, StartFailure> ResolveWish(Store& store, const StartRequest& request);

}  // namespace relay
