#include "relay/broker/wish_resolver.h"

#include <string>
#include <utility>

#include "engine/base/check.h"
#include "relay/documents/builtin_documents.h"
#include "relay/documents/session_document.h"
#include "relay/store/document_store.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Kind = StartFailure::Kind;

StartFailure::Kind KindOf(const absl::Status& status) {
  if (absl::IsNotFound(status) || absl::IsFailedPrecondition(status)) return Kind::kInvalidDocument;
  return absl::IsInvalidArgument(status) ? Kind::kInvalidParameters : Kind::kStore;
}

// FindDocument returns what counts of that name: an administrator's document, in its default
// version, or a built-in one.
absl::StatusOr<SessionDocument> FindDocument(Store& store, std::string_view name) {
  const absl::StatusOr<StoredDocument> stored = store.Documents().FindDocument(name);
  if (absl::IsNotFound(stored.status())) {
    const BuiltinDocument* builtin = FindBuiltinDocument(name);
    if (builtin != nullptr) return builtin->document;
    return absl::NotFoundError("Document with name " + std::string(name) + " does not exist.");
  }
  if (!stored.ok()) return stored.status();
  const absl::StatusOr<DocumentVersion> version =
      store.Documents().FindDocumentVersion(name, stored->default_version);
  if (!version.ok()) return absl::InternalError(version.status().message());
  absl::StatusOr<SessionDocument> document =
      ParseSessionDocument(FormatOf(version->format), version->content);
  if (document.ok()) return document;
  // It was read when it was made, by an older relay.
  return absl::FailedPreconditionError("Document " + std::string(name) + " cannot be used: " +
                                       std::string(document.status().message()));
}

}  // namespace

std::variant<ResolvedSession, StartFailure> ResolveWish(Store& store, const StartRequest& request) {
  const auto fail = [](const absl::Status& status) {
    return StartFailure{KindOf(status), std::string(status.message())};
  };
  const absl::StatusOr<SessionDocument> preferences = FindDocument(store, kShellDocument);
  if (!preferences.ok()) return fail(preferences.status());
  if (!preferences->inputs.has_value()) {
    return StartFailure{Kind::kInvalidDocument, "The preferences have no inputs."};
  }
  const absl::StatusOr<SessionDocument> document =
      FindDocument(store, DocumentNameOf(request.document));
  if (!document.ok()) return fail(document.status());
  absl::StatusOr<ResolvedSession> session = ResolveDocument({.document = *document,
                                                             .preferences = *preferences->inputs,
                                                             .parameters = request.parameters,
                                                             .run_as_tag = request.run_as_tag});
  if (!session.ok()) return fail(session.status());
  session->plan.may_be_link_local = request.may_be_link_local;
  const absl::StatusOr<Carriage> chosen = ChooseCarriage(session->carriages, request.carriage);
  if (!chosen.ok()) return StartFailure{Kind::kCarriage, std::string(chosen.status().message())};
  CHECK(*chosen == request.carriage.value_or(Carriage::kInspected));
  return *std::move(session);
}

}  // namespace relay
