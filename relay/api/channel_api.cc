// The part of Api that looks at signed requests about channels: data channels of clients, and the
// data and control channels of original agents.

#include <optional>
#include <string>
#include <utility>

#include "engine/crypto/uuid.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/control_payloads.h"
#include "relay/api/api.h"
#include "relay/audit/audit_trail.h"
#include "relay/broker/data_plane.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {

using engine::datachannel::kControlChannelPath;
using engine::datachannel::kDataChannelPath;

namespace {

constexpr std::string_view kChannelService = "ssmmessages";

engine::HttpResponse Answer(int status, std::string text) {
  engine::HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(text);
  return response;
}

// A node's token is not kept: what opens its channel is the signature of the request to open it,
// and agents want one (P6).
engine::HttpResponse Allowed(const engine::HttpRequest& request, const std::string& node_id) {
  if (request.method == "POST") {
    engine::HttpResponse response =
        Answer(201, engine::datachannel::ChannelCreatedText(NewToken()));
    response.headers.Set("Content-Type", "application/xml");
    return response;
  }
  engine::HttpResponse response = Answer(200, {});
  if (!node_id.empty()) response.headers.Add(kNodeHeader, node_id);
  return response;
}

}  // namespace

bool Api::IsForChannel(const engine::HttpRequest& request) {
  return (request.method == "GET" || request.method == "POST") &&
         (request.path().starts_with(kDataChannelPath) ||
          request.path().starts_with(kControlChannelPath));
}

std::optional<ApiError> Api::CheckNodesChannel(const engine::HttpRequest& request,
                                               const std::string& node_id) {
  if (request.path().starts_with(kControlChannelPath)) {
    if (request.path().substr(kControlChannelPath.size()) == node_id) return std::nullopt;
    return ApiError{"AccessDeniedException", "The control channel is another node's."};
  }
  const std::string id(request.path().substr(kDataChannelPath.size()));
  const absl::StatusOr<Session> session = context_.store.FindSession(id);
  if (!session.ok() || session->node_id != node_id) {
    return ApiError{"AccessDeniedException", "The session is not one of " + node_id + "."};
  }
  // By these words its agent knows that it need not try again.
  if (IsOver(session->status)) {
    return ApiError{"AccessDeniedException", "Session is already terminated"};
  }
  return std::nullopt;
}

std::optional<ApiError> Api::ProveChannel(const engine::HttpRequest& request,
                                          std::string_view source_ip, int64_t now_unix_ms,
                                          AuditRecord& audit, std::string& node_id) {
  std::variant<Caller, Refusal> proven =
      authenticator_.Authenticate(request, kChannelService, source_ip, now_unix_ms);
  if (auto* refused = std::get_if<Refusal>(&proven)) {
    audit.access_key_id = std::move(refused->access_key_id);
    return std::move(refused->error);
  }
  const Caller& caller = std::get<Caller>(proven);
  audit.access_key_id = caller.access_key_id;
  audit.principal = caller.principal;
  audit.user_name = caller.user_name;
  audit.principal_id = caller.UserId();
  if (!caller.node_id.empty()) {
    node_id = caller.node_id;
    return CheckNodesChannel(request, node_id);
  }
  if (request.method != "GET" || !request.path().starts_with(kDataChannelPath)) {
    return ApiError{"AccessDeniedException", "Only nodes do that."};
  }
  const std::string id(request.path().substr(kDataChannelPath.size()));
  const absl::StatusOr<Session> session = context_.store.FindSession(id);
  // What session there is, or whose, is told to nobody else.
  if (!session.ok() || session->principal != caller.principal) {
    return ApiError{"AccessDeniedException",
                    "The session is not one of " + caller.principal + "; start one with this key."};
  }
  return std::nullopt;
}

void Api::OpenChannel(const engine::HttpRequest& request, std::string_view source_ip,
                      int64_t now_unix_ms, const Reply& reply) {
  AuditRecord audit = NewServiceEvent("OpenDataChannel", now_unix_ms);
  audit.event_source = std::string(kChannelService) + ".amazonaws.com";
  audit.source_ip = source_ip;
  audit.user_agent = request.headers.Get("user-agent");
  audit.host = request.headers.Get("host");
  audit.request_id = engine::crypto::NewUuid();
  std::string node_id;
  const std::optional<ApiError> error =
      ProveChannel(request, source_ip, now_unix_ms, audit, node_id);
  // The session's own record follows, or the node's.
  if (!error.has_value()) return reply(Allowed(request, node_id));
  if (audit.principal.empty()) {
    if (!gate_.Open(now_unix_ms)) return reply(Answer(403, "Rate exceeded\n"));
    gate_.Failed(now_unix_ms);
  }
  audit.error_code = error->code;
  audit.error_message = error->message;
  const absl::Status status = AppendAudit(context_.store, audit);
  if (!status.ok()) return reply(Answer(503, "the relay cannot write its store\n"));
  reply(Answer(403, error->code + ": " + error->message + "\n"));
}

void Api::RecordRefusedJoin(std::string_view event, std::string_view session_id,
                            std::string_view source_ip, std::string_view text,
                            int64_t now_unix_ms) {
  if (!gate_.Open(now_unix_ms)) return;
  gate_.Failed(now_unix_ms);
  AuditRecord audit = NewServiceEvent(event, now_unix_ms);
  audit.event_source = std::string(kChannelService) + ".amazonaws.com";
  audit.source_ip = source_ip;
  if (!session_id.empty())
    audit.resources.emplace_back(session_id.substr(0, engine::datachannel::kSessionIdSizeMax));
  audit.error_code = "AccessDeniedException";
  audit.error_message = text;
  if (const uint64_t count = gate_.TakeRefused(); count > 0) {
    audit.additional.emplace_back("refusedWithoutRecord", std::to_string(count));
  }
  const absl::Status status = AppendAudit(context_.store, audit);
  if (!status.ok()) LogStoreFailure(status);
}

}  // namespace relay
