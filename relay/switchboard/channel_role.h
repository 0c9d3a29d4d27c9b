#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/net/secure_connection.h"
#include "relay/gateway/channel_socket.h"
#include "relay/switchboard/channel_desk.h"
#include "relay/switchboard/role.h"

namespace relay {

class Switchboard;

// ChannelSessionId returns the session of a data channel's address,
// /v1/data-channel/SESSION?role=publish_subscribe, with or without other words behind the question
// mark; nothing for any other address.
std::optional<std::string> ChannelSessionId(std::string_view target);

// ChannelRole is a data channel: an AWS client's, which shows a token, or an original agent's. From
// then on its messages go to the session, which may be on another loop.
class ChannelRole final : public UpgradedRole, private ChannelSocket::Owner {
 public:
  // `node_id` has proven itself; empty: a client's.
  ChannelRole(Switchboard& switchboard, engine::SecureConnection& connection,
              std::string session_id, std::string node_id, std::string source_address,
              const engine::HttpResponse& answer);
  ~ChannelRole() override;

  engine::RecordProtocol& protocol() override { return socket_; }
  void ReceiveBytes(engine::ByteView bytes, engine::Instant now) override;
  void Disconnected(std::string_view text) override;
  void Farewell() override;
  bool is_known() const override { return is_accepted_; }
  bool is_busy() const override { return is_opened_; }  // Its session says the last word.

  // What the session says, by letter.
  void Accepted() { is_accepted_ = true; }
  void Deliver(MessageBatch batch) { socket_.Deliver(std::move(batch)); }
  void Taken(size_t weight) { socket_.Taken(weight); }
  void Close() { socket_.Close(); }
  // Drop closes the connection without a word; one that ends already says its last words.
  void Drop() {
    if (is_opened_) connection_.Close();
  }

 private:
  bool OnOpening(std::string_view json) override;
  void OnMessages(MessageBatch batch) override;
  void OnSent(size_t size) override;
  void HoldInput(bool is_held) override { connection_.HoldInput(is_held); }
  void OnChannelClosed(std::string_view why) override;

  // DeskAt is where the session is at, on the loop where it is.
  static ChannelDesk& DeskAt(Switchboard& there, bool is_nodes);

  Switchboard& switchboard_;
  engine::SecureConnection& connection_;
  const std::string session_id_;
  const std::string node_id_;
  const std::string source_address_;
  const uint64_t serial_;
  uint32_t session_loop_ = 0;
  bool is_opened_ = false;  // The session's loop knows of it.
  bool is_accepted_ = false;
  ChannelSocket socket_;
};

}  // namespace relay
