#include "relay/api/sessions_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "engine/datachannel/agent_payloads.h"
#include "engine/http/amz_date.h"
#include "engine/loop/address.h"
#include "engine/loop/link_local_address.h"
#include "relay/access/authorise.h"
#include "relay/access/session_watch.h"
#include "relay/api/access_questions.h"
#include "relay/api/api_input.h"
#include "relay/api/page_token.h"
#include "relay/api/sealed_api.h"
#include "relay/broker/broker.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr int64_t kHistoryMs = int64_t{30} * 24 * 3600 * 1000;
constexpr int64_t kSessionsPageDefault = 50;

// IsNative is true of a request of our own client, which says so by its member `Adit`.
bool IsNative(const Json& input) {
  const auto adit = input.find("Adit");
  return adit != input.end() && adit->is_object() && adit->value("Version", Json()) == 1;
}

bool IsDocumentName(std::string_view name) {
  if (name.empty()) return true;
  if (name.size() < 3) return false;
  for (const char c : name) {
    const bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.' || c == ':' || c == '/';
    if (!known) return false;
  }
  return true;
}

constexpr std::string_view kDisconnected = "Disconnected";

std::string_view StatusText(SessionStatus status) {
  switch (status) {
    case SessionStatus::kConnecting:
      return "Connecting";
    case SessionStatus::kConnected:
      return "Connected";
    case SessionStatus::kTerminated:
      return "Terminated";
    case SessionStatus::kFailed:
      return "Failed";
  }
  return "Failed";
}

// StatusOf is also what no store knows: whether the client is there.
std::string_view StatusOf(ApiContext& context, const Session& session) {
  const bool is_away =
      session.status == SessionStatus::kConnected && context.broker.IsAway(session.id);
  return is_away ? kDisconnected : StatusText(session.status);
}

Json ToJson(const Session& session, std::string_view status, bool native) {
  Json json = {{"SessionId", session.id},
               {"Target", session.node_id},
               {"Status", status},
               {"StartDate", ToTimestamp(session.started_unix_ms)},
               {"DocumentName", session.document},
               {"Owner", session.principal},
               {"MaxSessionDuration", std::to_string(session.duration_seconds_max / 60)},
               {"AccessType", "Standard"}};
  if (session.ended_unix_ms != 0) json["EndDate"] = ToTimestamp(session.ended_unix_ms);
  if (!session.reason.empty()) json["Reason"] = session.reason;
  if (!session.details.empty()) json["Details"] = session.details;
  if (native) {
    json["Adit"] = {{"What", session.what},
                    {"BytesToNode", session.bytes_in},
                    {"BytesFromNode", session.bytes_out}};
    if (session.carriage.has_value()) json["Adit"]["Carriage"] = CarriageText(*session.carriage);
  }
  return json;
}

// Wanted is a query, and what the store cannot look for.
struct Wanted {
  SessionQuery query;
  std::optional<std::string> status;
  bool none = false;  // No session can match.
};

std::optional<ApiError> ApplyFilter(const ApiInput::Filter& filter, Wanted& wanted) {
  SessionQuery& query = wanted.query;
  bool& none = wanted.none;
  const std::string& value = filter.values.front();
  const auto set_text = [&none](std::optional<std::string>& member, const std::string& text) {
    if (member.has_value() && *member != text) none = true;
    member = text;
  };
  if (filter.key == "Target") {
    set_text(query.node_id, value);
  } else if (filter.key == "Owner") {
    set_text(query.principal, value);
  } else if (filter.key == "SessionId") {
    set_text(query.id, value);
  } else if (filter.key == "AccessType") {
    if (value != "Standard") none = true;
  } else if (filter.key == "Status") {
    set_text(wanted.status, value);
    bool found = false;
    for (const SessionStatus status : {SessionStatus::kConnecting, SessionStatus::kConnected,
                                       SessionStatus::kTerminated, SessionStatus::kFailed}) {
      if ((value == kDisconnected ? "Connected" : value) != StatusText(status)) continue;
      query.status = status;
      found = true;
    }
    if (!found) none = true;
  } else if (filter.key == "InvokedAfter" || filter.key == "InvokedBefore") {
    const std::optional<int64_t> seconds = engine::ParseIsoDate(value);
    if (!seconds.has_value()) {
      return ApiError{"ValidationException", "The value of " + filter.key +
                                                 " must be a time such as 2026-08-29T00:00:00Z."};
    }
    const int64_t bound = *seconds * 1000;
    if (filter.key == "InvokedAfter") {
      query.started_from = std::max(query.started_from.value_or(bound), bound);
    } else {
      query.started_to = std::min(query.started_to.value_or(bound), bound);
    }
  } else {
    return ApiError{"InvalidFilterKey", "The specified filter key is not valid."};
  }
  return std::nullopt;
}

// AllowLinkLocal lets the node forward to a link-local address when a policy names it: one that is
// written as an address, since where a name leads to is not the policy's to say. The session then
// lives only as long as it is named.
std::optional<ApiError> AllowLinkLocal(ApiContext& context, ApiCall& call, StartRequest& request) {
  AccessQuestion& question = call.access.question;
  const auto host = std::ranges::find(
      question.keys, kRemoteHostKey, [](const auto& key) -> std::string_view { return key.first; });
  engine::Address address;
  if (host == question.keys.end() || host->second.size() != 1 ||
      !engine::Address::Parse(host->second.front(), 1, address)) {
    return std::nullopt;
  }
  const absl::StatusOr<bool> named =
      context.authoriser.Names(call.access, kRemoteHostKey, call.now_unix_ms);
  if (!named.ok()) return LogStoreFailure(named.status());
  request.may_be_link_local = *named;
  if (*named && engine::IsLinkLocal(address)) question.named_key = kRemoteHostKey;
  return std::nullopt;
}

// FollowDocument seals a session for a client that brought a key in case its document demands that.
void FollowDocument(StartRequest& request) {
  if (request.carriage != Carriage::kInspected || request.client_key.empty()) return;
  if (const auto* session = std::get_if<ResolvedSession>(request.resolved.get())) {
    request.carriage = SealIfDemanded(session->carriages);
  }
}

// StartOverLink starts an inspected session that ends with its client's connection.
ApiOutcome StartOverLink(ApiContext& context, ApiCall& call, const StartRequest& request) {
  const std::variant<StartedSession, StartFailure> result =
      context.broker.StartSession(request, call.now_unix_ms);
  if (const auto* failure = std::get_if<StartFailure>(&result)) return ToError(*failure);

  const StartedSession& session = std::get<StartedSession>(result);
  context.watch.Watch(session.session_id, call.access);
  if (std::optional<ApiError> error = NoteStarted(context, call, session.session_id)) return error;
  const std::string url = StreamUrl(context, session.session_id);
  call.output = {
      {"SessionId", session.session_id}, {"TokenValue", session.token}, {"StreamUrl", url}};
  if (IsNative(call.input)) {
    call.output["Adit"] = NativeAnswer(context, request.node_id, session.loop);
    call.output["Adit"]["Carriage"] = CarriageText(Carriage::kInspected);
  }
  call.audit.response_elements = Json({{"sessionId", session.session_id},
                                       {"carriage", CarriageText(Carriage::kInspected)},
                                       {"tokenValue", kHiddenValue},
                                       {"streamUrl", url}})
                                     .dump();
  return std::nullopt;
}

}  // namespace

std::string StreamUrl(const ApiContext& context, std::string_view session_id) {
  return "wss://" + context.advertise + std::string(engine::datachannel::kDataChannelPath) +
         std::string(session_id) + "?role=publish_subscribe";
}

ApiOutcome StartSession(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  StartRequest request;
  request.node_id = input.Text("Target", Presence::kRequired, 1, 400);
  request.document = input.Text("DocumentName", Presence::kOptional, 0, 512);
  request.reason = input.Line("Reason", Presence::kOptional, 1, 256);
  request.parameters = input.TextLists("Parameters");
  if (input.error().has_value()) return input.error();
  if (!IsDocumentName(request.document)) {
    return ApiError{"ValidationException",
                    "1 validation error detected: Value at 'documentName' failed to satisfy "
                    "constraint: Member must satisfy regular expression pattern: "
                    "^[a-zA-Z0-9_\\-.:/]{3,128}$"};
  }
  request.user_name = call.caller.user_name;
  request.principal = call.caller.principal;
  request.owner_id = call.caller.UserId();
  request.source_ip = call.source_ip;
  request.joins_on = call.joins_on;
  request.resolved = call.wish;
  if (call.input.contains("Adit")) {
    if (!IsNative(call.input)) {
      return ApiError{"BadRequest",
                      "This relay speaks version 1 of Adit's own protocol; update the older side."};
    }
    if (std::optional<ApiError> error = ReadCarriage(call.input["Adit"], request)) return error;
    if (!request.carriage.has_value()) request.carriage = Carriage::kInspected;
    FollowDocument(request);
  }
  if (std::optional<ApiError> error = AllowLinkLocal(context, call, request)) return error;
  if (request.carriage == Carriage::kSealed) return StartByOffer(context, request, nullptr);
  // Over a lane it can go on when connections are lost. Over a link it cannot.
  if (request.carriage == Carriage::kInspected && request.comes_again) {
    return StartByOffer(context, request, StartOverLink);
  }
  return StartOverLink(context, call, request);
}

ApiOutcome TerminateSession(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string id = input.Line("SessionId", Presence::kRequired, 1, 96);
  if (input.error().has_value()) return input.error();
  const absl::Status status = context.broker.TerminateSession(
      id, "Terminated by " + call.caller.principal + ".", call.now_unix_ms);
  if (!status.ok()) return LogStoreFailure(status);
  call.output = {{"SessionId", id}};
  call.audit.response_elements = Json({{"sessionId", id}}).dump();
  return std::nullopt;
}

ApiOutcome DescribeSessions(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  Wanted wanted;
  SessionQuery& query = wanted.query;
  query.over = input.Choice("State", Presence::kRequired, {"History", "Active"}) == "History";
  const auto page =
      static_cast<size_t>(input.Integer("MaxResults", 1, 200).value_or(kSessionsPageDefault));
  const std::string token = input.Text("NextToken", Presence::kOptional, 0, kPageTokenSizeMax);
  const std::vector<ApiInput::Filter> filters = input.Filters("Filters", "key", "value", 6);
  if (input.error().has_value()) return input.error();

  for (const ApiInput::Filter& filter : filters) {
    if (std::optional<ApiError> error = ApplyFilter(filter, wanted)) return error;
  }
  // AWS shows a month. What is older is here, too, for who asks for it.
  if (query.over && !query.started_from.has_value()) {
    query.started_from = call.now_unix_ms - kHistoryMs;
  }
  if (!token.empty()) {
    const std::optional<PagePosition> position = ReadPageToken("sessions", token);
    if (!position.has_value()) return InvalidNextToken();
    query.after = SessionQuery::Position{position->number, position->name};
  }
  // One more tells whether there is a next page; many at once, since the status is looked at here.
  constexpr size_t kAtOnce = 500;
  query.count_max = std::max(page + 1, kAtOnce);
  Json& list = call.output["Sessions"] = Json::array();
  if (wanted.none) return std::nullopt;
  for (;;) {
    const absl::StatusOr<std::vector<Session>> sessions = context.store.ListSessions(query);
    if (!sessions.ok()) return LogStoreFailure(sessions.status());
    for (const Session& session : *sessions) {
      const std::string_view status = StatusOf(context, session);
      const bool is_listed = status == wanted.status.value_or(std::string(status));
      if (is_listed && list.size() == page) {
        call.output["NextToken"] =
            WritePageToken("sessions", {query.after->started_unix_ms, query.after->id});
        return std::nullopt;
      }
      query.after = SessionQuery::Position{session.started_unix_ms, session.id};
      if (is_listed) list.push_back(ToJson(session, status, IsNative(call.input)));
    }
    if (sessions->size() < query.count_max) return std::nullopt;
  }
}

}  // namespace relay
