#include "relay/broker/wish_resolver.h"

#include <string>
#include <utility>

#include "engine/base/check.h"
#include "relay/documents/builtin_documents.h"

namespace relay {
namespace {

using Kind = StartFailure::Kind;

StartFailure::Kind KindOf(const absl::Status& status) {
  if (absl::IsNotFound(status) || absl::IsFailedPrecondition(status)) return Kind::kInvalidDocument;
  return absl::IsInvalidArgument(status) ? Kind::kInvalidParameters : Kind::kStore;
}

absl::StatusOr<SessionDocument> FindDocument(Store&, std::string_view name) {
  const BuiltinDocument* builtin = FindBuiltinDocument(name);
  if (builtin != nullptr) return builtin->document;
  return absl::NotFoundError("Document with name " + std::string(name) + " does not exist.");
}

}  // namespace

std::variant<ResolvedSession, StartFailure> ResolveWish(Store& store, const StartRequest& request) {
  const auto fail = [](const absl::Status& status) {
    return StartFailure{KindOf(status), std::string(status.message())};
  };
  const absl::StatusOr<SessionDocument> preferences = FindDocument(store, kShellDocument);
  if (!preferences.ok()) return fail(preferences.status());
  CHECK(preferences->inputs.has_value());
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
