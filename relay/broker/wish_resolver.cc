#include "relay/broker/wish_resolver.h"

#include <memory>
#include <string>
#include <utility>

#include "relay/documents/builtin_documents.h"
#include "relay/documents/parsed_documents.h"
#include "relay/store/document_store.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Kind = StartFailure::Kind;

StartFailure::Kind KindOf(const absl::Status& status) {
  if (absl::IsNotFound(status) || absl::IsFailedPrecondition(status)) return Kind::kInvalidDocument;
  return absl::IsInvalidArgument(status) ? Kind::kInvalidParameters : Kind::kStore;
}

// Find returns what counts of that name: an administrator's document, in its default version, or a
// built-in one.
absl::StatusOr<std::shared_ptr<const SessionDocument>> Find(Store& store, ParsedDocuments& parsed,
                                                            std::string_view name) {
  const absl::StatusOr<StoredDocument> stored = store.Documents().FindDocument(name);
  if (absl::IsNotFound(stored.status())) {
    const BuiltinDocument* builtin = FindBuiltinDocument(name);
    if (builtin != nullptr) return {{std::shared_ptr<void>(), &builtin->document}};
    return absl::NotFoundError("Document with name " + std::string(name) + " does not exist.");
  }
  if (!stored.ok()) return stored.status();
  const absl::StatusOr<DocumentVersion> version =
      store.Documents().FindDocumentVersion(name, stored->default_version);
  if (!version.ok()) return absl::InternalError(version.status().message());
  auto document = parsed.Parse(FormatOf(version->format), version->content);
  if (document.ok()) return document;
  // It was read when it was made, by an older relay.
  return absl::FailedPreconditionError("Document " + std::string(name) + " cannot be used: " +
                                       std::string(document.status().message()));
}

}  // namespace

WishOutcome ResolveWish(Store& store, ParsedDocuments& parsed, const StartRequest& request) {
  const auto fail = [](const absl::Status& status) {
    return StartFailure{KindOf(status), std::string(status.message())};
  };
  const auto preferences = Find(store, parsed, kShellDocument);
  if (!preferences.ok()) return fail(preferences.status());
  if (!(*preferences)->inputs.has_value()) {
    return StartFailure{Kind::kInvalidDocument, "The preferences have no inputs."};
  }
  const auto document = Find(store, parsed, DocumentNameOf(request.document));
  if (!document.ok()) return fail(document.status());
  absl::StatusOr<ResolvedSession> session = ResolveDocument({.document = **document,
                                                             .preferences = *(*preferences)->inputs,
                                                             .parameters = request.parameters,
                                                             .run_as_tag = request.run_as_tag});
  if (!session.ok()) return fail(session.status());
  return *std::move(session);
}

void ChooseProfile(Store& store, std::string_view node_id, ResolvedSession& session) {
  const SessionInputs& preferences = session.preferences;
  const bool is_shell = session.type == SessionType::kStandardStream;
  if (!is_shell || preferences.windows_profile == preferences.linux_profile) return;
  const absl::StatusOr<Node> node = store.FindNode(node_id);
  if (node.ok() && node->platform.starts_with("Windows")) {
    session.plan.profile = preferences.windows_profile;
  }
}

}  // namespace relay
