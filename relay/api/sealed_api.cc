#include "relay/api/sealed_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "engine/base/bytes.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"
#include "relay/access/access_case_text.h"
#include "relay/access/session_watch.h"
#include "relay/api/api_input.h"
#include "relay/api/rejoin_api.h"
#include "relay/api/start_retries.h"
#include "relay/broker/broker.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr size_t kKeyDigits = 64;  // A SHA-256 in hexadecimal digits.

bool IsKey(std::string_view text) {
  return text.size() == kKeyDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool SaysResume(const Json& adit) {
  return adit.is_object() && adit.value("Resume", Json()) == true;
}

// WantsToRejoin is true of a client that can come again when it has lost its connections.
bool WantsToRejoin(const Json& input) {
  const auto adit = input.find("Adit");
  return adit != input.end() && SaysResume(*adit);
}

// AnswerSealed tells the client all that it needs to find the node and to know it.
void AnswerSealed(ApiContext& context, ApiCall& call, const SealedOffer& offer, bool may_rejoin) {
  Json adit = NativeAnswer(context, offer.session.node_id, offer.loop);
  const bool is_inspected = !offer.resume_secret.empty();
  const std::string_view carriage =
      CarriageText(is_inspected ? Carriage::kInspected : Carriage::kSealed);
  adit.update({{"Carriage", carriage},
               {"JoinToken", offer.join_token},
               {"SecondsMax", offer.duration_max.count()}});
  if (is_inspected) {
    adit["ResumeSecret"] = offer.resume_secret;
  } else {
    adit.update({{"SessionKey", offer.session_key},
                 {"NodeKey", offer.node_key},
                 {"Signature", offer.signature}});
  }
  if (may_rejoin) adit["RejoinKey"] = engine::ToHex(RejoinKeyOf(context.store, offer.session.id));
  call.output = {{"SessionId", offer.session.id}, {"Adit", std::move(adit)}};
  Json elements = {
      {"sessionId", offer.session.id}, {"carriage", carriage}, {"joinToken", kHiddenValue}};
  if (!is_inspected) {
    elements.update({{"sessionKey", offer.session_key}, {"nodeKey", offer.node_key}});
  }
  call.audit.response_elements = elements.dump();
}

// OnStarted runs when the node has answered to StartSession, OnSealed when it has to SealSession.
ApiOutcome OnStarted(ApiContext& context, ApiCall& call,
                     const std::variant<SealedOffer, StartFailure>& outcome) {
  if (const auto* failure = std::get_if<StartFailure>(&outcome)) return ToError(*failure);
  SealedOffer offer = std::get<SealedOffer>(outcome);
  const bool may_rejoin = WantsToRejoin(call.input);
  if (may_rejoin) offer.session.access = WriteAccessCase(call.access);
  const absl::Status started = context.broker.StartSealed(offer, call.now_unix_ms);
  if (!started.ok()) return LogStoreFailure(started);
  context.watch.Watch(offer.session.id, call.access);
  if (std::optional<ApiError> error = NoteStarted(context, call, offer.session.id)) return error;
  AnswerSealed(context, call, offer, may_rejoin);
  return std::nullopt;
}

ApiOutcome OnSealed(ApiContext& context, ApiCall& call,
                    const std::variant<SealedOffer, StartFailure>& outcome) {
  if (const auto* failure = std::get_if<StartFailure>(&outcome)) return ToError(*failure);
  SealedOffer offer = std::get<SealedOffer>(outcome);
  // What StartSession was allowed by: it may come again as long as that holds.
  const AccessCase* allowed = context.watch.Find(offer.session.id);
  const bool may_rejoin = allowed != nullptr && WantsToRejoin(call.input);
  if (may_rejoin) offer.session.access = WriteAccessCase(*allowed);
  const absl::Status started = context.broker.StartSealed(offer, call.now_unix_ms);
  if (!started.ok()) return LogStoreFailure(started);
  AnswerSealed(context, call, offer, may_rejoin);
  return std::nullopt;
}

struct SealInput {
  std::string session_id;
  engine::crypto::Sha256Digest token_sha256{};
};

std::optional<ApiError> ReadSealInput(const Json& object, SealInput& out) {
  constexpr size_t kTokenSizeMax = 300;
  ApiInput input(object);
  out.session_id = input.Line("SessionId", Presence::kRequired, 1, 96);
  const std::string token = input.Line("TokenValue", Presence::kRequired, 1, kTokenSizeMax);
  out.token_sha256 = engine::crypto::Sha256(engine::AsBytes(token));
  return input.error();
}

}  // namespace

ApiError ToError(const LaneFailure& failure) {
  using Kind = LaneFailure::Kind;
  switch (failure.kind) {
    case Kind::kNoSession:
      return {"DoesNotExistException", failure.text};
    case Kind::kTooManyLanes:
      return {"LaneLimitExceeded", failure.text};
    case Kind::kBusy:
      return {"ThrottlingException", failure.text};
    case Kind::kStale:
      return {"StaleEpochException", failure.text};
    case Kind::kStore:
      return LogStoreFailure(absl::UnavailableError(failure.text));
    case Kind::kNotConnected:
      break;
  }
  return {"TargetNotConnected", failure.text};
}

Json NativeAnswer(ApiContext& context, const std::string& node_id, uint32_t loop) {
  const absl::StatusOr<Node> node = context.store.FindNode(node_id);
  return {{"Loop", loop}, {"NodeId", node_id}, {"NodeName", node.ok() ? node->name : ""}};
}

ApiError ToError(const StartFailure& failure) {
  using Kind = StartFailure::Kind;
  switch (failure.kind) {
    case Kind::kInvalidDocument:
      return {"InvalidDocument", failure.text};
    case Kind::kInvalidParameters:
      return {"InvalidParameters", failure.text};
    case Kind::kCarriage:
      return {"SealedNotSupported", failure.text};
    case Kind::kNotConnected:
      return {"TargetNotConnected", failure.text};
    case Kind::kTooMany:
      return {"ThrottlingException", failure.text};
    case Kind::kStore:
      break;
  }
  return StoreFailure();
}

std::optional<ApiError> ReadCarriage(const Json& adit, StartRequest& request) {
  ApiInput input(adit);
  const std::optional<Carriage> carriage =
      ParseCarriage(input.Choice("Carriage", Presence::kOptional, {"inspected", "sealed"}));
  const std::string key = input.Text("ClientKey", Presence::kOptional, 0, kKeyDigits);
  if (input.error().has_value()) return input.error();
  request.comes_again = SaysResume(adit);
  request.carriage = carriage;
  const bool needs_key = carriage == Carriage::kSealed || !key.empty();
  if (!carriage.has_value() || !needs_key) return std::nullopt;
  if (!IsKey(key)) {
    return ApiError{"ValidationException",
                    "A sealed session needs Adit.ClientKey: 64 lower-case hexadecimal digits."};
  }
  request.client_key = key;
  return std::nullopt;
}

std::optional<ApiError> NoteStarted(ApiContext& context, const ApiCall& call,
                                    const std::string& session_id) {
  if (call.invocation_id.empty()) return std::nullopt;
  const std::string request = call.caller.access_key_id + " " + call.invocation_id;
  if (context.retries.IsLate(request, call.attempt, call.now_unix_ms)) {
    return ApiError{"RequestTimeoutException", "A later attempt of this request came before it.",
                    408};
  }
  const std::optional<std::string> earlier =
      context.retries.Note(request, call.attempt, session_id, call.now_unix_ms);
  if (!earlier.has_value()) return std::nullopt;
  const absl::Status status = context.broker.Supersede(*earlier, call.now_unix_ms);
  if (status.ok()) return std::nullopt;
  return LogStoreFailure(status);
}

ApiOutcome StartByOffer(ApiContext& context, const StartRequest& request,
                        StartOtherwise otherwise) {
  return ApiOutcome::Wait(
      [&context, request, otherwise](int64_t now_unix_ms, const ApiResume& resume) {
        context.broker.OfferSession(
            request, now_unix_ms,
            [resume, request, otherwise](const std::variant<SealedOffer, StartFailure>& outcome,
                                         int64_t now) {
              resume(now, [outcome, request, otherwise](ApiContext& then_context, ApiCall& call) {
                const bool is_refused = std::holds_alternative<StartFailure>(outcome);
                if (is_refused && otherwise != nullptr)
                  return otherwise(then_context, call, request);
                return OnStarted(then_context, call, outcome);
              });
            });
      });
}

bool HoldsSessionToken(Store& store, const Json& object, int64_t) {
  SealInput input;
  if (ReadSealInput(object, input).has_value()) return false;
  const absl::StatusOr<Session> session = store.FindSession(input.session_id);
  return session.ok() &&
         engine::crypto::ConstantTimeEqual(session->token_sha256, input.token_sha256);
}

ApiOutcome SealSession(ApiContext& context, ApiCall& call) {
  SealInput input;
  if (std::optional<ApiError> error = ReadSealInput(call.input, input)) return error;
  if (!HoldsSessionToken(context.store, call.input, call.now_unix_ms)) {
    return ApiError{"AccessDeniedException", "The token is not that of this session."};
  }
  StartRequest asked;
  if (std::optional<ApiError> error = ReadCarriage(call.input.value("Adit", Json()), asked)) {
    return error;
  }
  if (asked.carriage != Carriage::kSealed) {
    return ApiError{"ValidationException", "Adit.Carriage can only become sealed."};
  }
  const absl::StatusOr<Session> session = context.store.FindSession(input.session_id);
  if (!session.ok()) return LogStoreFailure(session.status());
  call.audit.principal = session->principal;
  return ApiOutcome::Wait(
      [&context, input, key = asked.client_key](int64_t now_unix_ms, const ApiResume& resume) {
        context.broker.SealSession(
            input.session_id, input.token_sha256, key, now_unix_ms,
            [resume](const std::variant<SealedOffer, StartFailure>& outcome, int64_t now) {
              resume(now, [outcome](ApiContext& then_context, ApiCall& then_call) {
                return OnSealed(then_context, then_call, outcome);
              });
            });
      });
}

ApiOutcome OpenLane(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string id = input.Line("SessionId", Presence::kRequired, 1, 96);
  if (input.error().has_value()) return input.error();
  const std::variant<LaneTicket, LaneFailure> result =
      context.broker.OpenLane(id, call.caller.principal);
  if (const auto* failure = std::get_if<LaneFailure>(&result)) return ToError(*failure);
  const auto& ticket = std::get<LaneTicket>(result);
  call.output = {{"JoinToken", ticket.join_token}, {"Loop", ticket.loop}};
  call.audit.response_elements =
      Json({{"sessionId", id}, {"joinToken", kHiddenValue}, {"loop", ticket.loop}}).dump();
  return std::nullopt;
}

}  // namespace relay
