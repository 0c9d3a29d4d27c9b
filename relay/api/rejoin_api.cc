#include "relay/api/rejoin_api.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>

#include "engine/net/resume_proof.h"
#include "relay/access/authorise.h"
#include "relay/access/session_watch.h"
#include "relay/api/api_input.h"
#include "relay/api/sealed_api.h"
#include "relay/broker/broker.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

struct RejoinInput {
  std::string session_id;
  uint32_t lane = 0;
  uint64_t epoch = 0;
  std::string proof;
};

std::optional<ApiError> ReadInput(const Json& object, RejoinInput& out) {
  constexpr size_t kProofDigits = 64;
  ApiInput input(object);
  out.session_id = input.Line("SessionId", Presence::kRequired, 1, 96);
  out.lane = static_cast<uint32_t>(
      input.Integer("Lane", 0, std::numeric_limits<uint32_t>::max()).value_or(0));
  out.epoch = static_cast<uint64_t>(
      input.Integer("Epoch", 1, std::numeric_limits<int64_t>::max()).value_or(0));
  out.proof = input.Line("Proof", Presence::kRequired, kProofDigits, kProofDigits);
  if (!input.error().has_value() && out.epoch == 0) {
    return ApiError{"ValidationException", "Epoch is missing."};
  }
  return input.error();
}

ApiError Over(const std::string& why) {
  return {"DoesNotExistException", "The session is over" + (why.empty() ? "." : ": " + why)};
}

// Ask returns why the session cannot go on. Its credentials may be gone; the permission may not.
std::optional<ApiError> Ask(ApiContext& context, const std::string& id, int64_t now_unix_ms) {
  const absl::StatusOr<std::optional<std::string>> lost = context.watch.Ask(id, now_unix_ms);
  if (absl::IsNotFound(lost.status())) return Over({});
  if (!lost.ok()) return LogStoreFailure(lost.status());
  if (!lost->has_value()) return std::nullopt;
  return ApiError{"AccessDeniedException", "The permission for this session has ended: " + **lost};
}

// Answer gives the ticket, or says why there is none.
ApiOutcome Answer(ApiContext& context, const RejoinInput& input, ApiCall& call) {
  const std::variant<LaneTicket, LaneFailure> result =
      context.broker.RejoinLane(input.session_id, input.lane, input.epoch);
  if (const auto* failure = std::get_if<LaneFailure>(&result)) return ToError(*failure);
  const auto& ticket = std::get<LaneTicket>(result);
  call.output = {{"JoinToken", ticket.join_token}, {"Loop", ticket.loop}};
  Json elements = {{"sessionId", input.session_id},
                   {"joinToken", kHiddenValue},
                   {"loop", ticket.loop},
                   {"epoch", input.epoch}};
  if (ticket.carriage.has_value()) elements["carriage"] = CarriageText(*ticket.carriage);
  call.audit.response_elements = elements.dump();
  return std::nullopt;
}

}  // namespace

engine::crypto::Sha256Digest RejoinKeyOf(const Store& store, std::string_view session_id) {
  const engine::crypto::Sha256Digest root = store.DeriveKey("sessions that come again: clients");
  return engine::crypto::HmacSha256(root, engine::AsBytes(session_id));
}

bool HoldsRejoinKey(Store& store, const Json& object, int64_t) {
  RejoinInput input;
  if (ReadInput(object, input).has_value()) return false;
  const engine::crypto::Sha256Digest key = RejoinKeyOf(store, input.session_id);
  return engine::IsProof(input.proof,
                         engine::RejoinProof(key, input.session_id, input.lane, input.epoch));
}

ApiOutcome Rejoin(ApiContext& context, ApiCall& call) {
  RejoinInput input;
  if (std::optional<ApiError> error = ReadInput(call.input, input)) return error;
  if (!HoldsRejoinKey(context.store, call.input, call.now_unix_ms)) {
    return ApiError{"AccessDeniedException", "The proof is not that of this session's client."};
  }
  const absl::StatusOr<Session> session = context.store.FindSession(input.session_id);
  if (absl::IsNotFound(session.status())) return Over({});
  if (!session.ok()) return LogStoreFailure(session.status());
  call.audit.principal = session->principal;
  call.audit.resources = {session->id, session->node_id};
  if (IsOver(session->status)) return Over(session->details);
  if (auto error = Ask(context, input.session_id, call.now_unix_ms)) return error;
  return Answer(context, input, call);
}

ApiOutcome RejoinMeanwhile(ApiContext& context, ApiCall& call) {
  RejoinInput input;
  if (std::optional<ApiError> error = ReadInput(call.input, input)) return error;
  const AccessCase* allowed = context.watch.Find(input.session_id);
  if (allowed == nullptr || !context.broker.IsLive(input.session_id)) return Over({});
  call.audit.principal = allowed->caller.principal;
  call.audit.resources = {input.session_id};
  if (!context.broker.HasRoomForRecords()) return StoreFailure();
  if (auto error = Ask(context, input.session_id, call.now_unix_ms)) return error;
  return Answer(context, input, call);
}

}  // namespace relay
