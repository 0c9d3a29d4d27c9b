#include "client/api_client.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/cord.h"
#include "client/json_member.h"
#include "client/relay_error.h"
#include "client/say.h"
#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"
#include "engine/http/sigv4.h"

namespace client {
namespace {

using Json = nlohmann::json;

constexpr int kNodesPerPage = 50;  // The API's own maxima.
constexpr int kSessionsPerPage = 200;
constexpr size_t kEventsPerPage = 50;  // CloudTrail's maximum.

uint32_t Loop(const Json& object) {
  const auto loop = object.find("Loop");
  return loop != object.end() && loop->is_number_unsigned() ? loop->get<uint32_t>() : 0;
}

SessionInfo ReadSession(const Json& entry) {
  const auto adit = entry.find("Adit");
  return {.id = JsonText(entry, "SessionId"),
          .node_id = JsonText(entry, "Target"),
          .status = JsonText(entry, "Status"),
          .document = JsonText(entry, "DocumentName"),
          .owner = JsonText(entry, "Owner"),
          .carriage = adit == entry.end() ? "" : JsonText(*adit, "Carriage"),
          .reason = JsonText(entry, "Reason"),
          .details = JsonText(entry, "Details"),
          .started = JsonTime(entry, "StartDate"),
          .ended = JsonTime(entry, "EndDate")};
}

// RejoinKey returns the key's bytes; none: the relay does not let this session come again.
std::string RejoinKey(const Json& adit) {
  std::array<std::byte, engine::crypto::kSha256Size> key;
  if (!engine::FromHex(JsonText(adit, "RejoinKey"), key)) return {};
  return std::string(engine::AsText(key));
}

// Seconds returns a limit of the session's; zero: the relay does not say one, or none that makes
// sense.
std::chrono::seconds Seconds(const Json& adit, const char* name) {
  const auto value = adit.find(name);
  if (value == adit.end() || !value->is_number_unsigned()) return {};
  const auto seconds = value->get<uint64_t>();
  return std::chrono::seconds(seconds > UINT32_MAX ? 0 : seconds);
}

constexpr char kCodePayload[] = "adit/api-code";

absl::StatusCode StatusCodeOf(const ApiError& error) {
  if (error.code == "DoesNotExistException") return absl::StatusCode::kNotFound;
  if (error.code == "AccessDeniedException") return absl::StatusCode::kPermissionDenied;
  if (error.code == "TargetNotConnected") return absl::StatusCode::kUnavailable;
  if (error.code == "SealedNotSupported") return absl::StatusCode::kUnimplemented;
  return absl::StatusCode::kFailedPrecondition;
}

absl::Status StatusOf(const ApiError& error, const std::string& text) {
  absl::Status status(StatusCodeOf(error), text);
  status.SetPayload(kCodePayload, absl::Cord(error.code));
  return status;
}

// ReadRecord reads from a CloudTrail record how the call or connection ended that it tells of, and
// to what it led.
void ReadRecord(EventInfo& event) {
  const Json json = Json::parse(event.record, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  event.outcome = JsonText(json, "errorCode");
  if (const auto more = json.find("additionalEventData"); more != json.end()) {
    event.what = JsonText(*more, "what");
    if (event.outcome.empty()) event.outcome = JsonText(*more, "outcome");
  }
  if (event.outcome.empty()) event.outcome = "ok";
}

// ReadStarted reads the answer of an operation that starts a session. Who did not ask for a sealed
// one has no key for it.
absl::StatusOr<StartedSession> ReadStarted(const char* operation, const std::string& answer,
                                           bool may_be_sealed) {
  const Json json = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotOurs(operation);
  StartedSession session{.id = JsonText(json, "SessionId"),
                         .ticket = {},
                         .node_id = {},
                         .node_name = {},
                         .sealed = std::nullopt};
  if (session.id.empty()) return NotOurs(operation);
  const auto adit = json.find("Adit");
  if (adit == json.end() || !adit->is_object()) {
    return absl::FailedPreconditionError(
        "the relay started a session of another kind: it is not an Adit relay; is the address "
        "right (--relay, ADIT_RELAY)?");
  }
  session.ticket.loop = Loop(*adit);
  session.node_id = JsonText(*adit, "NodeId");
  session.node_name = JsonText(*adit, "NodeName");
  session.duration_max = Seconds(*adit, "SecondsMax");
  if (JsonText(*adit, "Carriage") == "sealed") {
    if (!may_be_sealed) return NotOurs(operation);
    session.ticket.token = JsonText(*adit, "JoinToken");
    session.sealed = SealedAnswer{.session_key = JsonText(*adit, "SessionKey"),
                                  .node_key = JsonText(*adit, "NodeKey"),
                                  .signature = JsonText(*adit, "Signature")};
    session.rejoin_key = RejoinKey(*adit);
  } else if (adit->contains("JoinToken")) {
    session.ticket.token = JsonText(*adit, "JoinToken");
    session.resume_secret = JsonText(*adit, "ResumeSecret");
    if (session.resume_secret.empty()) return NotOurs(operation);
    session.rejoin_key = RejoinKey(*adit);
  } else {
    session.ticket.token = JsonText(json, "TokenValue");
  }
  if (session.ticket.token.empty()) return NotOurs(operation);
  return session;
}

}  // namespace

std::string ApiCodeOf(const absl::Status& status) {
  const auto code = status.GetPayload(kCodePayload);
  return code.has_value() ? std::string(*code) : std::string();
}

ApiClient::ApiClient(Transport transport, std::string host, Credentials credentials, Clock clock)
    : transport_(std::move(transport)),
      host_(std::move(host)),
      credentials_(std::move(credentials)),
      clock_(std::move(clock)) {}

engine::HttpRequest ApiClient::Unsigned(std::string_view target, std::string body) const {
  engine::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.headers.Add("Host", host_);
  request.headers.Add("Content-Type", "application/x-amz-json-1.1");
  request.headers.Add("X-Amz-Target", target);
  request.body = std::move(body);
  return request;
}

engine::HttpRequest ApiClient::Signed(std::string_view target, std::string body,
                                      std::string_view service) const {
  engine::HttpRequest request = Unsigned(target, std::move(body));
  SignFor(service, request);
  return request;
}

void ApiClient::SignFor(std::string_view service, engine::HttpRequest& request) const {
  engine::Sign(request,
               {.access_key_id = credentials_.access_key_id,
                .secret = credentials_.secret_access_key,
                .session_token = credentials_.session_token},
               kRegion, service, clock_());
}

absl::StatusOr<std::string> ApiClient::BodyOf(const engine::HttpResponse& response) const {
  if (response.status == 200) return response.body;
  const ApiError error = ParseApiError(response, clock_());
  return StatusOf(error, ApiErrorText(error, credentials_));
}

absl::StatusOr<std::string> ApiClient::CallSsm(std::string_view operation, std::string body) {
  return Send(Signed("AmazonSSM." + std::string(operation), std::move(body)));
}

absl::StatusOr<std::string> ApiClient::Send(engine::HttpRequest request) {
  absl::StatusOr<engine::HttpResponse> response = transport_(std::move(request));
  if (!response.ok()) return response.status();
  return BodyOf(*response);
}

absl::StatusOr<std::vector<NodeInfo>> ApiClient::ListNodes() { return ListNodesWhere("", ""); }

absl::StatusOr<std::vector<NodeInfo>> ApiClient::FindNodes(std::string_view id_or_name) {
  if (id_or_name.starts_with("mi-")) {
    auto nodes = ListNodesWhere("InstanceIds", id_or_name);
    if (!nodes.ok() || !nodes->empty()) return nodes;
  }
  return ListNodesWhere("adit:Name", id_or_name);
}

absl::StatusOr<std::vector<NodeInfo>> ApiClient::ListNodesWhere(const std::string& key,
                                                                std::string_view value) {
  constexpr char kOperation[] = "DescribeInstanceInformation";
  std::vector<NodeInfo> nodes;
  Json request = {{"MaxResults", kNodesPerPage}};
  if (!key.empty()) request["Filters"] = {{{"Key", key}, {"Values", {value}}}};
  for (int page = 0; page < kPagesMax; ++page) {
    absl::StatusOr<std::string> answer = CallSsm(kOperation, JsonBody(request));
    if (!answer.ok()) return answer.status();
    const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return NotOurs(kOperation);
    for (const Json& entry : JsonList(json, "InstanceInformationList")) {
      NodeInfo node{.id = JsonText(entry, "InstanceId"),
                    .name = JsonText(entry, "Name"),
                    .online = JsonText(entry, "PingStatus") == "Online",
                    .last_seen = JsonTime(entry, "LastPingDateTime"),
                    .platform = JsonText(entry, "PlatformName"),
                    .agent_version = JsonText(entry, "AgentVersion")};
      if (node.name.empty()) node.name = JsonText(entry, "ComputerName");
      const std::string version = JsonText(entry, "PlatformVersion");
      if (!version.empty()) node.platform += " " + version;
      if (!node.id.empty()) nodes.push_back(std::move(node));
    }
    const std::string next = JsonText(json, "NextToken");
    if (next.empty()) break;
    request["NextToken"] = next;
  }
  return nodes;
}

absl::StatusOr<std::vector<SessionInfo>> ApiClient::ListSessions(Which which) {
  constexpr char kOperation[] = "DescribeSessions";
  std::vector<SessionInfo> sessions;
  Json request = {{"State", which == Which::kActive ? "Active" : "History"},
                  {"MaxResults", kSessionsPerPage},
                  {"Adit", {{"Version", 1}}}};
  for (int page = 0; page < kPagesMax; ++page) {
    absl::StatusOr<std::string> answer = CallSsm(kOperation, JsonBody(request));
    if (!answer.ok()) return answer.status();
    const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return NotOurs(kOperation);
    for (const Json& entry : JsonList(json, "Sessions")) sessions.push_back(ReadSession(entry));
    const std::string next = JsonText(json, "NextToken");
    if (next.empty()) break;
    request["NextToken"] = next;
  }
  return sessions;
}

absl::StatusOr<std::vector<EventInfo>> ApiClient::LookupEvents(const EventWish& wish) {
  constexpr char kOperation[] = "LookupEvents";
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
                    JsonBody(request), "cloudtrail"));
    if (!answer.ok()) return answer.status();
    const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return NotOurs(kOperation);
    for (const Json& entry : JsonList(json, "Events")) {
      EventInfo event{.id = JsonText(entry, "EventId"),
                      .time = JsonTime(entry, "EventTime"),
                      .name = JsonText(entry, "EventName"),
                      .user = JsonText(entry, "Username"),
                      .resources = {},
                      .outcome = {},
                      .what = {},
                      .access_key_id = JsonText(entry, "AccessKeyId"),
                      .record = JsonText(entry, "CloudTrailEvent")};
      ReadRecord(event);
      for (const Json& resource : JsonList(entry, "Resources")) {
        event.resources +=
            (event.resources.empty() ? "" : ",") + JsonText(resource, "ResourceName");
      }
      events.push_back(std::move(event));
    }
    const std::string next = JsonText(json, "NextToken");
    if (next.empty()) break;
    request["NextToken"] = next;
  }
  return events;
}

absl::StatusOr<StartedSession> ApiClient::StartSession(const SessionWish& wish) {
  constexpr char kOperation[] = "StartSession";
  Json request = {{"Target", wish.target}, {"Adit", {{"Version", 1}}}};
  if (!wish.client_key.empty()) {
    request["Adit"]["Carriage"] = wish.if_demanded ? "inspected" : "sealed";
    request["Adit"]["ClientKey"] = wish.client_key;
  } else if (wish.may_rejoin) {
    request["Adit"]["Carriage"] = "inspected";
  }
  if (wish.may_rejoin) request["Adit"]["Resume"] = true;
  if (!wish.document.empty()) request["DocumentName"] = wish.document;
  if (!wish.reason.empty()) request["Reason"] = wish.reason;
  for (const auto& [name, value] : wish.parameters) {
    request["Parameters"][name] = Json::array({value});
  }
  const absl::StatusOr<std::string> answer = CallSsm(kOperation, JsonBody(request));
  if (!answer.ok()) return answer.status();
  return ReadStarted(kOperation, *answer, !wish.client_key.empty());
}

engine::HttpRequest ApiClient::SealRequest(const std::string& session_id, const std::string& token,
                                           const std::string& client_key, bool may_rejoin) const {
  Json request = {{"SessionId", session_id},
                  {"TokenValue", token},
                  {"Adit", {{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", client_key}}}};
  if (may_rejoin) request["Adit"]["Resume"] = true;
  return Unsigned("Adit.SealSession", JsonBody(request));
}

absl::StatusOr<StartedSession> ApiClient::ReadSealed(const engine::HttpResponse& response) const {
  constexpr char kOperation[] = "SealSession";
  const absl::StatusOr<std::string> answer = BodyOf(response);
  if (!answer.ok()) return answer.status();
  absl::StatusOr<StartedSession> session = ReadStarted(kOperation, *answer, true);
  if (session.ok() && !session->sealed.has_value()) return NotOurs(kOperation);
  return session;
}

engine::HttpRequest ApiClient::OpenLaneRequest(const std::string& session_id) const {
  return Signed("Adit.OpenLane", JsonBody({{"SessionId", session_id}}));
}

engine::HttpRequest ApiClient::RejoinRequest(const std::string& session_id, uint32_t lane,
                                             uint64_t epoch, const std::string& proof) const {
  return Unsigned(
      "Adit.Rejoin",
      JsonBody({{"SessionId", session_id}, {"Lane", lane}, {"Epoch", epoch}, {"Proof", proof}}));
}

absl::StatusOr<LaneTicket> ApiClient::ReadOpenLane(const engine::HttpResponse& response) const {
  const absl::StatusOr<std::string> answer = BodyOf(response);
  if (!answer.ok()) return answer.status();
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotOurs("OpenLane");
  LaneTicket ticket{.token = JsonText(json, "JoinToken"), .loop = Loop(json)};
  if (ticket.token.empty()) return NotOurs("OpenLane");
  return ticket;
}

engine::HttpRequest ApiClient::FindEndedRequest(const std::string& session_id) const {
  const Json filter = {{"key", "SessionId"}, {"value", session_id}};
  return Signed("AmazonSSM.DescribeSessions",
                JsonBody({{"State", "History"}, {"Filters", Json::array({filter})}}));
}

absl::StatusOr<std::optional<SessionInfo>> ApiClient::ReadFindEnded(
    const engine::HttpResponse& response) const {
  const absl::StatusOr<std::string> answer = BodyOf(response);
  if (!answer.ok()) return answer.status();
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotOurs("DescribeSessions");
  const Json& sessions = JsonList(json, "Sessions");
  if (sessions.empty()) return std::nullopt;
  return ReadSession(sessions.front());
}

absl::Status ApiClient::TerminateSession(const std::string& id) {
  return CallSsm("TerminateSession", JsonBody({{"SessionId", id}})).status();
}

absl::StatusOr<std::string> ApiClient::CallQuery(std::string_view service, std::string_view action,
                                                 const Form& form) {
  engine::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.headers.Add("Host", host_);
  request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  request.body = "Action=" + std::string(action) +
                 "&Version=" + (service == "iam" ? "2010-05-08" : "2011-06-15");
  for (const auto& [name, value] : form) {
    request.body.append("&").append(name).append("=");
    request.body += engine::UriEncode(value, engine::Slash::kEncode);
  }
  SignFor(service, request);
  return Send(std::move(request));
}

absl::StatusOr<std::string> ApiClient::CallIam(std::string_view action, const Form& form) {
  return CallQuery("iam", action, form);
}

absl::StatusOr<Identity> ApiClient::WhoAmI() {
  const absl::StatusOr<std::string> answer = CallQuery("sts", "GetCallerIdentity", {});
  if (!answer.ok()) return answer.status();
  std::optional<Identity> identity = ReadIdentity(*answer);
  if (!identity.has_value()) return NotOurs("GetCallerIdentity");
  return *std::move(identity);
}

absl::StatusOr<SessionCredentials> ApiClient::AssumeRole(const RoleWish& wish,
                                                         const std::string& code) {
  Form form = {{"RoleArn", wish.role_arn},
               {"RoleSessionName", wish.session_name.empty() ? "adit-" + std::to_string(clock_())
                                                             : wish.session_name}};
  if (!wish.external_id.empty()) form.emplace_back("ExternalId", wish.external_id);
  if (!code.empty()) {
    form.emplace_back("SerialNumber", wish.mfa_serial);
    form.emplace_back("TokenCode", code);
  }
  if (wish.duration_seconds != 0) {
    form.emplace_back("DurationSeconds", std::to_string(wish.duration_seconds));
  }
  const absl::StatusOr<std::string> answer = CallQuery("sts", "AssumeRole", form);
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
