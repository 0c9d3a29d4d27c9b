#include "client/api_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "client/relay_error.h"
#include "client/say.h"
#include "engine/http/sigv4.h"

namespace client {
namespace {

using Json = nlohmann::json;

constexpr int kNodesPerPage = 50;  // The API's own maxima.
constexpr int kSessionsPerPage = 200;
constexpr size_t kEventsPerPage = 50;  // CloudTrail's maximum.

std::string Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t Time(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return 0;
  const double seconds = found->get<double>();
  return seconds > 0 && seconds < 1e12 ? static_cast<int64_t>(seconds) : 0;
}

// List returns an array member, or an empty one.
const Json& List(const Json& object, const char* name) {
  static const Json empty = Json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : empty;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

uint32_t Loop(const Json& object) {
  const auto loop = object.find("Loop");
  return loop != object.end() && loop->is_number_unsigned() ? loop->get<uint32_t>() : 0;
}

SessionInfo ReadSession(const Json& entry) {
  return {.id = Text(entry, "SessionId"),
          .node_id = Text(entry, "Target"),
          .status = Text(entry, "Status"),
          .document = Text(entry, "DocumentName"),
          .owner = Text(entry, "Owner"),
          .reason = Text(entry, "Reason"),
          .details = Text(entry, "Details"),
          .started = Time(entry, "StartDate"),
          .ended = Time(entry, "EndDate")};
}

absl::Status NotOurs(std::string_view operation) {
  return absl::InternalError("the relay's answer to " + std::string(operation) +
                             " cannot be read; adit and relay may be of versions that do not fit");
}

absl::Status StatusOf(const ApiError& error, const std::string& text) {
  if (error.code == "AccessDeniedException") return absl::PermissionDeniedError(text);
  if (error.code == "TargetNotConnected") return absl::UnavailableError(text);
  if (error.code == "SealedNotSupported") return absl::UnimplementedError(text);
  return absl::FailedPreconditionError(text);
}

}  // namespace

ApiClient::ApiClient(Transport transport, std::string host, Credentials credentials, Clock clock)
    : transport_(std::move(transport)),
      host_(std::move(host)),
      credentials_(std::move(credentials)),
      clock_(std::move(clock)) {}

engine::HttpRequest ApiClient::Signed(std::string_view target, std::string body,
                                      std::string_view service) const {
  engine::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.headers.Add("Host", host_);
  request.headers.Add("Content-Type", "application/x-amz-json-1.1");
  request.headers.Add("X-Amz-Target", target);
  request.body = std::move(body);
  engine::Sign(request,
               {.access_key_id = credentials_.access_key_id,
                .secret = credentials_.secret_access_key,
                .session_token = credentials_.session_token},
               kRegion, service, clock_());
  return request;
}

absl::StatusOr<std::string> ApiClient::BodyOf(const engine::HttpResponse& response) const {
  if (response.status == 200) return response.body;
  const ApiError error = ParseApiError(response, clock_());
  return StatusOf(error, ApiErrorText(error, credentials_));
}

absl::StatusOr<std::string> ApiClient::Call(std::string_view operation, std::string body) {
  return Send(Signed("AmazonSSM." + std::string(operation), std::move(body)));
}

absl::StatusOr<std::string> ApiClient::Send(engine::HttpRequest request) {
  absl::StatusOr<engine::HttpResponse> response = transport_(std::move(request));
  if (!response.ok()) return response.status();
  return BodyOf(*response);
}

absl::StatusOr<std::vector<NodeInfo>> ApiClient::ListNodes() {
  constexpr std::string_view kOperation = "DescribeInstanceInformation";
  std::vector<NodeInfo> nodes;
  Json request = {{"MaxResults", kNodesPerPage}};
  for (int page = 0; page < kPagesMax; ++page) {
    absl::StatusOr<std::string> answer = Call(kOperation, Dump(request));
    if (!answer.ok()) return answer.status();
    const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return NotOurs(kOperation);
    for (const Json& entry : List(json, "InstanceInformationList")) {
      NodeInfo node{.id = Text(entry, "InstanceId"),
                    .name = Text(entry, "Name"),
                    .online = Text(entry, "PingStatus") == "Online",
                    .last_seen = Time(entry, "LastPingDateTime"),
                    .platform = Text(entry, "PlatformName"),
                    .agent_version = Text(entry, "AgentVersion")};
      if (node.name.empty()) node.name = Text(entry, "ComputerName");
      const std::string version = Text(entry, "PlatformVersion");
      if (!version.empty()) node.platform += " " + version;
      if (!node.id.empty()) nodes.push_back(std::move(node));
    }
    const std::string next = Text(json, "NextToken");
    if (next.empty()) break;
    request["NextToken"] = next;
  }
  return nodes;
}

absl::StatusOr<std::vector<SessionInfo>> ApiClient::ListSessions(Which which) {
  constexpr std::string_view kOperation = "DescribeSessions";
  std::vector<SessionInfo> sessions;
  Json request = {{"State", which == Which::kActive ? "Active" : "History"},
                  {"MaxResults", kSessionsPerPage}};
  for (int page = 0; page < kPagesMax; ++page) {
    absl::StatusOr<std::string> answer = Call(kOperation, Dump(request));
    if (!answer.ok()) return answer.status();
    const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return NotOurs(kOperation);
    for (const Json& entry : List(json, "Sessions")) sessions.push_back(ReadSession(entry));
    const std::string next = Text(json, "NextToken");
    if (next.empty()) break;
    request["NextToken"] = next;
  }
  return sessions;
}

absl::StatusOr<std::vector<EventInfo>> ApiClient::LookupEvents(const EventWish& wish) {
  constexpr std::string_view kOperation = "LookupEvents";
  std::vector<EventInfo> events;
  Json request = Json::object();
  if (!wish.key.empty()) {
    request["LookupAttributes"] = {{{"AttributeKey", wish.key}, {"AttributeValue", wish.value}}};
  }
  if (wish.since != 0) request["StartTime"] = wish.since;
  if (wish.until != 0) request["EndTime"] = wish.until;
  while (events.size() < wish.count_max) {
    request["MaxResults"] = std::min(wish.count_max - events.size(), kEventsPerPage);
    absl::StatusOr<std::string> answer =
        Send(Signed("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
                    Dump(request), "cloudtrail"));
    if (!answer.ok()) return answer.status();
    const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return NotOurs(kOperation);
    for (const Json& entry : List(json, "Events")) {
      EventInfo event{.id = Text(entry, "EventId"),
                      .time = Time(entry, "EventTime"),
                      .name = Text(entry, "EventName"),
                      .user = Text(entry, "Username"),
                      .resources = {},
                      .record = Text(entry, "CloudTrailEvent")};
      for (const Json& resource : List(entry, "Resources")) {
        event.resources += (event.resources.empty() ? "" : ",") + Text(resource, "ResourceName");
      }
      events.push_back(std::move(event));
    }
    const std::string next = Text(json, "NextToken");
    if (next.empty()) break;
    request["NextToken"] = next;
  }
  return events;
}

absl::StatusOr<StartedSession> ApiClient::StartSession(const SessionWish& wish) {
  constexpr std::string_view kOperation = "StartSession";
  Json request = {{"Target", wish.node_id}, {"Adit", {{"Version", 1}}}};
  if (!wish.client_key.empty()) {
    request["Adit"]["Carriage"] = "sealed";
    request["Adit"]["ClientKey"] = wish.client_key;
  }
  if (!wish.document.empty()) request["DocumentName"] = wish.document;
  if (!wish.reason.empty()) request["Reason"] = wish.reason;
  for (const auto& [name, value] : wish.parameters) {
    request["Parameters"][name] = Json::array({value});
  }
  absl::StatusOr<std::string> answer = Call(kOperation, Dump(request));
  if (!answer.ok()) return answer.status();
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotOurs(kOperation);
  StartedSession session{.id = Text(json, "SessionId"), .ticket = {}, .sealed = std::nullopt};
  if (session.id.empty()) return NotOurs(kOperation);
  const auto adit = json.find("Adit");
  if (adit == json.end() || !adit->is_object()) {
    return absl::FailedPreconditionError(
        "the relay started a session of another kind: it is not an Adit relay; is the address "
        "right (--relay, ADIT_RELAY)?");
  }
  session.ticket.loop = Loop(*adit);
  if (Text(*adit, "Carriage") == "sealed") {
    // Who did not ask has no key for it.
    if (wish.client_key.empty()) return NotOurs(kOperation);
    session.ticket.token = Text(*adit, "JoinToken");
    session.sealed = SealedAnswer{.session_key = Text(*adit, "SessionKey"),
                                  .node_key = Text(*adit, "NodeKey"),
                                  .signature = Text(*adit, "Signature")};
  } else {
    session.ticket.token = Text(json, "TokenValue");
  }
  if (session.ticket.token.empty()) return NotOurs(kOperation);
  return session;
}

engine::HttpRequest ApiClient::OpenLaneRequest(const std::string& session_id) const {
  return Signed("Adit.OpenLane", Dump({{"SessionId", session_id}}));
}

absl::StatusOr<LaneTicket> ApiClient::ReadOpenLane(const engine::HttpResponse& response) const {
  const absl::StatusOr<std::string> answer = BodyOf(response);
  if (!answer.ok()) return answer.status();
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotOurs("OpenLane");
  LaneTicket ticket{.token = Text(json, "JoinToken"), .loop = Loop(json)};
  if (ticket.token.empty()) return NotOurs("OpenLane");
  return ticket;
}

engine::HttpRequest ApiClient::FindEndedRequest(const std::string& session_id) const {
  const Json filter = {{"key", "SessionId"}, {"value", session_id}};
  return Signed("AmazonSSM.DescribeSessions",
                Dump({{"State", "History"}, {"Filters", Json::array({filter})}}));
}

absl::StatusOr<std::optional<SessionInfo>> ApiClient::ReadFindEnded(
    const engine::HttpResponse& response) const {
  const absl::StatusOr<std::string> answer = BodyOf(response);
  if (!answer.ok()) return answer.status();
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotOurs("DescribeSessions");
  const Json& sessions = List(json, "Sessions");
  if (sessions.empty()) return std::nullopt;
  return ReadSession(sessions.front());
}

absl::Status ApiClient::TerminateSession(const std::string& id) {
  return Call("TerminateSession", Dump({{"SessionId", id}})).status();
}

absl::StatusOr<std::string> ApiClient::CallSts(std::string_view action,
                                               const std::vector<FormPair>& form) {
  engine::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.headers.Add("Host", host_);
  request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  request.body = "Action=" + std::string(action) + "&Version=2011-06-15";
  for (const auto& [name, value] : form) {
    request.body.append("&").append(name).append("=");
    request.body += engine::UriEncode(value, engine::Slash::kEncode);
  }
  engine::Sign(request,
               {.access_key_id = credentials_.access_key_id,
                .secret = credentials_.secret_access_key,
                .session_token = credentials_.session_token},
               kRegion, "sts", clock_());
  absl::StatusOr<engine::HttpResponse> response = transport_(std::move(request));
  if (!response.ok()) return response.status();
  return BodyOf(*response);
}

absl::StatusOr<Identity> ApiClient::WhoAmI() {
  const absl::StatusOr<std::string> answer = CallSts("GetCallerIdentity", {});
  if (!answer.ok()) return answer.status();
  std::optional<Identity> identity = ReadIdentity(*answer);
  if (!identity.has_value()) return NotOurs("GetCallerIdentity");
  return *std::move(identity);
}

absl::StatusOr<SessionCredentials> ApiClient::AssumeRole(const RoleWish& wish,
                                                         const std::string& code) {
  std::vector<FormPair> form = {
      {"RoleArn", wish.role_arn},
      {"RoleSessionName",
       wish.session_name.empty() ? "adit-" + std::to_string(clock_()) : wish.session_name}};
  if (!wish.external_id.empty()) form.emplace_back("ExternalId", wish.external_id);
  if (!code.empty()) {
    form.emplace_back("SerialNumber", wish.mfa_serial);
    form.emplace_back("TokenCode", code);
  }
  if (wish.duration_seconds != 0) {
    form.emplace_back("DurationSeconds", std::to_string(wish.duration_seconds));
  }
  const absl::StatusOr<std::string> answer = CallSts("AssumeRole", form);
  if (!answer.ok()) return answer.status();
  std::optional<SessionCredentials> session = ReadSessionCredentials(*answer);
  if (!session.has_value()) return NotOurs("AssumeRole");
  Use({.access_key_id = session->access_key_id,
       .secret_access_key = session->secret_access_key,
       .session_token = session->session_token,
       .source = wish.role_arn,
       .role = std::nullopt});
  return *std::move(session);
}

}  // namespace client
