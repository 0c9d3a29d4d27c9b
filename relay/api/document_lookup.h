// A document as the API shows it, wherever it comes from: an administrator's or a built-in one.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relay/access/caller.h"
#include "relay/api/api_call.h"
#include "relay/api/api_input.h"
#include "relay/documents/session_document.h"
#include "relay/store/document_store.h"

namespace relay {

struct FoundDocument {
  StoredDocument document;
  DocumentVersion version;
  SessionDocument content;  // Empty if an older relay took a text that this one does not.
  std::string owner;        // An account's number, or "Amazon".
  std::vector<IamTag> tags;
};

// WantedVersion is how a request names one: by number, $LATEST, $DEFAULT or its name; empty: the
// default one.
struct WantedVersion {
  std::string number;
  std::string name;
};

// LookUpDocument: InvalidDocument, InvalidDocumentVersion, or the store does not work. `name` may
// be an ARN. The built-in preferences are not found: they are what counts when there are none.
std::variant<FoundDocument, ApiError> LookUpDocument(ApiContext& context, std::string_view name,
                                                     const WantedVersion& wanted);

bool IsDocumentName(std::string_view name);
ApiError NoSuchDocument(std::string_view name);

// The shapes of the API.
nlohmann::json ToDescription(const FoundDocument& found);
nlohmann::json ToIdentifier(const FoundDocument& found);
nlohmann::json ToVersionInfo(const FoundDocument& found);
nlohmann::json ToJson(const std::vector<IamTag>& tags);

// AllDocuments returns every document in its default version, in the order of names: built-in ones
// are few, and of others there are kDocumentsMax at most.
inline constexpr int64_t kDocumentsMax = 500;
absl::StatusOr<std::vector<FoundDocument>> AllDocuments(ApiContext& context);

}  // namespace relay
