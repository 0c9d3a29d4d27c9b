#include "client/api_client.h"

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

absl::Status NotOurs(std::string_view operation) {
  return absl::InternalError("the relay's answer to " + std::string(operation) +
                             " cannot be read; adit and relay may be of versions that do not fit");
}

absl::Status StatusOf(const ApiError& error, const std::string& text) {
  if (error.code == "AccessDeniedException") return absl::PermissionDeniedError(text);
  if (error.code == "TargetNotConnected") return absl::UnavailableError(text);
  return absl::FailedPreconditionError(text);
}

}  // namespace

ApiClient::ApiClient(Transport transport, std::string host, Credentials credentials, Clock clock)
    : transport_(std::move(transport)),
      host_(std::move(host)),
      credentials_(std::move(credentials)),
      clock_(std::move(clock)) {}

absl::StatusOr<std::string> ApiClient::Call(std::string_view operation, std::string body) {
  engine::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.headers.Add("Host", host_);
  request.headers.Add("Content-Type", "application/x-amz-json-1.1");
  request.headers.Add("X-Amz-Target", "AmazonSSM." + std::string(operation));
  request.body = std::move(body);
  engine::Sign(request,
               {.access_key_id = credentials_.access_key_id,
                .secret = credentials_.secret_access_key,
                .session_token = credentials_.session_token},
               kRegion, "ssm", clock_());
  absl::StatusOr<engine::HttpResponse> response = transport_(std::move(request));
  if (!response.ok()) return response.status();
  if (response->status == 200) return std::move(response->body);
  const ApiError error = ParseApiError(*response, clock_());
  return StatusOf(error, ApiErrorText(error, credentials_));
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
    for (const Json& entry : List(json, "Sessions")) {
      sessions.push_back({.id = Text(entry, "SessionId"),
                          .node_id = Text(entry, "Target"),
                          .status = Text(entry, "Status"),
                          .document = Text(entry, "DocumentName"),
                          .owner = Text(entry, "Owner"),
                          .reason = Text(entry, "Reason"),
                          .started = Time(entry, "StartDate"),
                          .ended = Time(entry, "EndDate")});
    }
    const std::string next = Text(json, "NextToken");
    if (next.empty()) break;
    request["NextToken"] = next;
  }
  return sessions;
}

absl::StatusOr<StartedSession> ApiClient::StartSession(const SessionWish& wish) {
  constexpr std::string_view kOperation = "StartSession";
  Json request = {{"Target", wish.node_id}, {"Adit", {{"Version", 1}}}};
  if (!wish.document.empty()) request["DocumentName"] = wish.document;
  if (!wish.reason.empty()) request["Reason"] = wish.reason;
  for (const auto& [name, value] : wish.parameters) {
    request["Parameters"][name] = Json::array({value});
  }
  absl::StatusOr<std::string> answer = Call(kOperation, Dump(request));
  if (!answer.ok()) return answer.status();
  const Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotOurs(kOperation);
  StartedSession session{
      .id = Text(json, "SessionId"), .token = Text(json, "TokenValue"), .loop = 0};
  const auto adit = json.find("Adit");
  if (session.id.empty() || session.token.empty()) return NotOurs(kOperation);
  if (adit == json.end() || !adit->is_object()) {
    return absl::FailedPreconditionError(
        "the relay started a session of another kind: it is not an Adit relay; is the address "
        "right (--relay, ADIT_RELAY)?");
  }
  if (const auto loop = adit->find("Loop"); loop != adit->end() && loop->is_number_unsigned()) {
    session.loop = loop->get<uint32_t>();
  }
  return session;
}

absl::Status ApiClient::TerminateSession(const std::string& id) {
  return Call("TerminateSession", Dump({{"SessionId", id}})).status();
}

}  // namespace client
