// From a wish to what its session may be: document and preferences are looked up here.

#pragma once

#include <string_view>

#include "relay/broker/session_wish.h"
#include "relay/documents/resolve_document.h"

namespace relay {

class ParsedDocuments;
class Store;

// ResolveWish looks at document, parameters and tags, not at the carriage or the node.
WishOutcome ResolveWish(Store& store, ParsedDocuments& parsed, const StartRequest& request);

// ChooseProfile gives a shell the profile of its node's platform.
void ChooseProfile(Store& store, std::string_view node_id, ResolvedSession& session);

}  // namespace relay
