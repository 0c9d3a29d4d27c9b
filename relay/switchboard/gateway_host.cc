#include "relay/switchboard/gateway_host.h"

#include <memory>
#include <utility>

#include "engine/crypto/random_bytes.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/gateway_desk.h"
#include "relay/switchboard/posted_connection.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

GatewayHost::GatewayHost(Switchboard& switchboard, const SessionGrant& grant,
                         std::string_view token, std::string source_address)
    : switchboard_(switchboard),
      loop_(switchboard.loop()),
      session_id_(grant.session_id),
      link_(loop_.buffers(), [this] { run_.Wake(); }),
      role_(switchboard, link_.far_carrier(), std::move(source_address)),
      session_(grant, token, *this, loop_.buffers(), /*passage=*/nullptr, loop_.Now(),
               engine::crypto::RandomNumber()),
      run_(loop_, link_, *this) {
  link_.Join(session_.link(), role_.protocol());
  session_.link().Attach(link_.near_carrier());
}

std::string GatewayHost::Connect(ChannelId channel, std::string_view client_id) {
  std::string refusal = session_.Refusal(client_id);
  if (!refusal.empty()) return refusal;
  channel_ = channel;
  session_.Connect(std::make_unique<PostedConnection>(switchboard_, channel), client_id,
                   loop_.Now());
  return refusal;
}

void GatewayHost::Disconnect() {
  channel_ = {};
  session_.Disconnect(loop_.Now());
  if (!session_.is_ending()) switchboard_.control().SessionLost(session_id_);
}

// What the session cannot take it passes over, and its client repeats: so all is done with.
bool GatewayHost::Receive(const MessageBatch& batch) {
  session_.Receive(batch, loop_.Now());
  return true;
}

void GatewayHost::RunOnce(engine::Instant now) {
  if (link_.closed()) session_.LinkClosed();
  session_.Run(now);
}

void GatewayHost::OnRunOver(const std::string& reason) {
  role_.Disconnected(reason);
  switchboard_.gateway().Left(*this);  // Last: it destroys this.
}

}  // namespace relay
