#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/loop/loop.h"
#include "relay/gateway/gateway_session.h"
#include "relay/gateway/local_link.h"
#include "relay/switchboard/client_host.h"
#include "relay/switchboard/client_role.h"
#include "relay/switchboard/local_run.h"

namespace relay {

// GatewayHost runs one session of an AWS client on its node's loop: the session, the link inside
// the process, and the client's role at its other end.
class GatewayHost final : public ClientHost,
                          private GatewaySession::Runner,
                          private LocalRun::Work {
 public:
  GatewayHost(Switchboard& switchboard, const SessionGrant& grant, std::string_view token,
              std::string source_address);
  // It is destroyed by GatewayDesk::Left, or when nothing ever ran.

  // Begin lets the session join with its token, once: after it another token may take its place.
  void Begin() { run_.RunLink(); }

  const std::string& session_id() const override { return session_id_; }
  ChannelId channel() const override { return channel_; }
  std::string Connect(ChannelId channel, std::string_view client_id) override;
  void Disconnect() override;
  bool Receive(const MessageBatch& batch) override;
  void Sent(size_t size) override { session_.Sent(size); }
  void End(std::string_view text) override { session_.End(std::string(text)); }
  void Cut() override { run_.End("The relay is stopping."); }

 private:
  void Wake() override { run_.Wake(); }
  void OnOver(std::string_view reason) override { run_.End(std::string(reason)); }
  void RunOnce(engine::Instant now) override;
  engine::Instant NextDeadline() const override { return session_.NextDeadline(); }
  void OnRunOver(const std::string& reason) override;

  Switchboard& switchboard_;
  engine::Loop& loop_;
  const std::string session_id_;
  ChannelId channel_;
  LocalLink link_;
  ClientRole role_;
  GatewaySession session_;
  LocalRun run_;
};

}  // namespace relay
