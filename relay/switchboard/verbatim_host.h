#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/originals/verbatim_session.h"
#include "relay/switchboard/client_host.h"

namespace relay {

class OriginalHost;
class Switchboard;

// VerbatimHost is the client's side of a session that passes as it is. The session itself is its
// node's, which runs it.
class VerbatimHost final : public ClientHost, private VerbatimSession::Client {
 public:
  VerbatimHost(Switchboard& switchboard, std::string session_id)
      : switchboard_(switchboard), session_id_(std::move(session_id)) {}
  // It is destroyed by GatewayDesk::Left, or when it did not begin.

  // Begin begins the session with the node's agent, and returns an empty text or why it does not.
  std::string Begin(const SessionGrant& grant, OriginalHost& node,
                    const std::string& source_address);

  const std::string& session_id() const override { return session_id_; }
  ChannelId channel() const override { return channel_; }
  std::string Connect(ChannelId channel, std::string_view client_id) override;
  void Disconnect() override;
  bool Receive(const MessageBatch& batch) override;
  void Sent(size_t size) override { session_->SentToClient(size); }
  void End(std::string_view text) override;
  void Cut() override { End("The relay is stopping."); }

 private:
  void OnOver(std::string_view reason, uint64_t to_node_bytes, uint64_t to_client_bytes) override;
  // Report says that the session is over, and forgets its grant.
  void Report(std::string_view reason, uint64_t to_node_bytes, uint64_t to_client_bytes);

  Switchboard& switchboard_;
  const std::string session_id_;
  ChannelId channel_;
  VerbatimSession* session_ = nullptr;  // Lives at least as long as this, once it has begun.
};

}  // namespace relay
