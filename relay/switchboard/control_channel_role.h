#pragma once

#include <string>
#include <string_view>

#include "engine/net/secure_connection.h"
#include "relay/gateway/channel_socket.h"
#include "relay/switchboard/role.h"

namespace relay {

class OriginalHost;
class Switchboard;

// ControlChannelNode returns the node of a control channel's address, /v1/control-channel/NODE?...;
// nothing for any other address.
std::optional<std::string> ControlChannelNode(std::string_view target);

// ControlChannelRole is an original agent's control channel. Its node is here as long as it lasts.
class ControlChannelRole final : public UpgradedRole, private ChannelSocket::Owner {
 public:
  // What the agent may leave unread. From half of that on it gets no new sessions, so that the ends
  // of those that it has still fit; beyond it, it is taken for one that has stopped.
  static constexpr size_t kUnsentMax = 2 * 1024 * 1024;
  static constexpr size_t kUnsentForNewMax = kUnsentMax / 2;

  // `node_id` has proven itself.
  ControlChannelRole(Switchboard& switchboard, engine::SecureConnection& connection,
                     std::string node_id, std::string source_address,
                     const engine::HttpResponse& answer);
  ~ControlChannelRole() override;

  engine::RecordProtocol& protocol() override { return socket_; }
  void ReceiveBytes(engine::ByteView bytes, engine::Instant now) override;
  void Disconnected(std::string_view text) override { socket_.HandleEnd(text); }
  void Farewell() override;
  bool is_known() const override { return host_ != nullptr; }
  bool is_busy() const override { return host_ != nullptr; }

  // For the host.
  void Send(std::string_view message);
  bool TakesNew() const { return unsent_ <= kUnsentForNewMax; }
  void HostLeft();

 private:
  bool OnOpening(std::string_view json) override;
  void OnMessages(MessageBatch batch) override;
  void OnSent(size_t size) override;
  void HoldInput(bool is_held) override { connection_.HoldInput(is_held); }
  void OnChannelClosed(std::string_view why) override;

  Switchboard& switchboard_;
  engine::SecureConnection& connection_;
  const std::string node_id_;
  const std::string source_address_;
  OriginalHost* host_ = nullptr;
  size_t unsent_ = 0;
  ChannelSocket socket_;
};

}  // namespace relay
