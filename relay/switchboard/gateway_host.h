#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/loop/loop.h"
#include "relay/gateway/gateway_session.h"
#include "relay/gateway/local_link.h"
#include "relay/switchboard/client_role.h"
#include "relay/switchboard/gateway_desk.h"

namespace relay {

// GatewayHost runs one session of an AWS client on its node's loop: the session, the link inside
// the process, and the client's role at its other end.
class GatewayHost final : private GatewaySession::Runner {
 public:
  GatewayHost(Switchboard& switchboard, const SessionGrant& grant, std::string_view token,
              std::string source_address);
  ~GatewayHost() override;  // Requires: GatewayDesk::Left was called for it, or nothing ran.

  const std::string& session_id() const { return session_id_; }
  ChannelId channel() const { return channel_; }

  // Begin lets the session join with its token, once: after it another token may take its place.
  void Begin() { is_dry_ = !link_.Run(loop_.Now()); }

  // Connect makes a connection the session's, or says why not.
  std::string Connect(ChannelId channel, std::string_view client_id);
  void Disconnect();
  void Receive(const MessageBatch& batch) { session_.Receive(batch, loop_.Now()); }
  void Sent(size_t size) { session_.Sent(size); }
  void End(std::string_view text) { session_.End(std::string(text)); }
  void Cut();

 private:
  void Wake() override;
  void OnOver(std::string_view reason) override;
  void OnTimer(engine::Fired outcome);
  void Run();
  void Arm();

  Switchboard& switchboard_;
  engine::Loop& loop_;
  const std::string session_id_;
  ChannelId channel_;
  LocalLink link_;
  ClientRole role_;
  GatewaySession session_;
  bool is_woken_ = false;
  bool is_running_ = false;
  bool is_over_ = false;
  bool is_dry_ = false;
  std::string end_reason_;
  engine::Instant armed_for_ = engine::Instant::max();
  engine::TimerOp timer_op_;
};

}  // namespace relay
