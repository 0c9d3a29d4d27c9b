#include "relay/switchboard/api_role.h"

#include <optional>
#include <utility>

#include "engine/http/websocket_handshake.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/protocol_names.h"
#include "relay/switchboard/channel_role.h"
#include "relay/switchboard/control_channel_role.h"
#include "relay/switchboard/join_role.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

namespace {

// A page in a browser has no business on a data channel: whoever sends an Origin is refused.
const engine::WebSocketOrigins kNoPages;

// IsSigned is true for a signature in the headers or in the address.
bool IsSigned(const engine::HttpRequest& request) {
  return request.headers.Find("authorization") != nullptr ||
         request.query().find("X-Amz-") != std::string_view::npos;
}

}  // namespace

ApiRole::ApiRole(Switchboard& switchboard, engine::SecureConnection& connection)
    : switchboard_(switchboard),
      connection_(connection),
      session_(connection, *this, connection.loop().Now()),
      source_address_(connection.loop().PeerAddress(connection.socket()).HostText()),
      can_join_(connection.channel().protocol() == engine::kApiProtocol &&
                !connection.channel().PeerCertificate().ok()) {}

ApiRole::~ApiRole() = default;

void ApiRole::Detached(engine::DetachedSocket detached) {
  *alive_ = false;
  channel_->Detached(std::move(detached));
}

void ApiRole::Disconnected(std::string_view text) {
  *alive_ = false;
  if (channel_ != nullptr) channel_->Disconnected(text);
}

void ApiRole::Farewell() {
  if (channel_ != nullptr) return channel_->Farewell();
  session_.Finish();
}

bool ApiRole::is_known() const { return channel_ != nullptr && channel_->is_known(); }

CallOrigin ApiRole::origin() const {
  return {
      .loop_index = switchboard_.index(), .source_address = source_address_, .can_join = can_join_};
}

void ApiRole::OpenChannel(const engine::HttpRequest& request) {
  const engine::HttpResponse answer = engine::AnswerWebSocket(request, kNoPages);
  const std::optional<std::string> session_id = ChannelSessionId(request.target);
  const bool is_control = ControlChannelNode(request.target).has_value();
  if (answer.status != 101) return session_.Respond(answer);
  if (!session_id.has_value() && !is_control) {
    engine::HttpResponse missing;
    missing.status = 404;
    missing.body = "there is no WebSocket here; use the StreamUrl of StartSession\n";
    return session_.Respond(missing);
  }
  const auto give = [this, answer, session_id](const std::string& node_id) {
    if (!session_id.has_value()) {
      return GiveChannel(std::make_unique<ControlChannelRole>(switchboard_, connection_, node_id,
                                                              source_address_, answer));
    }
    GiveChannel(std::make_unique<ChannelRole>(switchboard_, connection_, *session_id, node_id,
                                              source_address_, answer));
  };
  if (!IsSigned(request) && !is_control) return give({});
  // Newer clients sign it: then the signature must be right as well (P26). Nodes always do.
  switchboard_.control().HandleRequest(
      origin(), request, [this, alive = alive_, give](const engine::HttpResponse& verdict) {
        if (!*alive) return;
        if (verdict.status != 200) return session_.Respond(verdict);
        give(std::string(verdict.headers.Get(kNodeHeader)));
      });
}

void ApiRole::GiveChannel(std::unique_ptr<UpgradedRole> role) {
  const engine::Instant now = connection_.loop().Now();
  const std::string behind = session_.Yield();
  channel_ = std::move(role);
  connection_.ReplaceProtocol(channel_->protocol());
  channel_->ReceiveBytes(engine::AsBytes(behind), now);
}

void ApiRole::OnRequest(engine::HttpServerSession&, engine::HttpRequest request) {
  if (engine::IsWebSocketUpgrade(request)) return OpenChannel(request);
  const bool is_join = request.method == "POST" && request.target == engine::kJoinTarget;
  if (can_join_ && is_join && request.body.empty()) {
    return GiveChannel(std::make_unique<JoinRole>(switchboard_, connection_, std::string()));
  }
  switchboard_.control().HandleRequest(origin(), std::move(request),
                                       [this, alive = alive_](engine::HttpResponse response) {
                                         if (*alive) session_.Respond(response);
                                       });
}

}  // namespace relay
