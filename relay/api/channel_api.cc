// The part of Api that looks at signed requests for a data channel.

#include <optional>
#include <string>
#include <utility>

#include "engine/crypto/uuid.h"
#include "engine/datachannel/agent_payloads.h"
#include "relay/api/api.h"
#include "relay/audit/audit_trail.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {

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

}  // namespace

bool Api::IsForChannel(const engine::HttpRequest& request) {
  return request.method == "GET" && request.path().starts_with(kDataChannelPath);
}

std::optional<ApiError> Api::ProveChannel(const engine::HttpRequest& request,
                                          std::string_view source_ip, int64_t now_unix_ms,
                                          AuditRecord& audit) {
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
  const std::optional<ApiError> error = ProveChannel(request, source_ip, now_unix_ms, audit);
  if (!error.has_value()) return reply(Answer(200, {}));  // The session's own record follows.
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
  constexpr size_t kSessionIdMax = 96;
  if (!gate_.Open(now_unix_ms)) return;
  gate_.Failed(now_unix_ms);
  AuditRecord audit = NewServiceEvent(event, now_unix_ms);
  audit.event_source = std::string(kChannelService) + ".amazonaws.com";
  audit.source_ip = source_ip;
  if (!session_id.empty()) audit.resources.emplace_back(session_id.substr(0, kSessionIdMax));
  audit.error_code = "AccessDeniedException";
  audit.error_message = text;
  if (const uint64_t count = gate_.TakeRefused(); count > 0) {
    audit.additional.emplace_back("refusedWithoutRecord", std::to_string(count));
  }
  const absl::Status status = AppendAudit(context_.store, audit);
  if (!status.ok()) LogStoreFailure(status);
}

}  // namespace relay
