#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "relay/switchboard/channel_desk.h"

namespace relay {

class ControlChannelRole;
class OriginalHost;
class Switchboard;

// OriginalDesk is the original agents of one loop: those whose control channel came here, and their
// sessions.
class OriginalDesk final : public ChannelDesk {
 public:
  // `on_empty` is called when the last of them is over.
  OriginalDesk(Switchboard& switchboard, std::function<void()> on_empty);
  ~OriginalDesk() override;

  // Welcome makes an agent of a control channel, which must tell it when it ends.
  OriginalHost& Welcome(ControlChannelRole& channel, std::string node_id,
                        std::string_view agent_version, std::string source_address);

  void Attach(const ChannelAttachment& attachment) override;
  void Receive(const std::string& session_id, ChannelId channel,
               const MessageBatch& batch) override;
  void Sent(const std::string& session_id, ChannelId channel, size_t size) override;
  void Lost(const std::string& session_id, ChannelId channel) override;

  // EndSession ends the agent's part of a session, if it is here.
  void EndSession(const std::string& session_id, std::string_view reason);

  // FindNode returns the newest agent of a node, or nullptr.
  OriginalHost* FindNode(const std::string& node_id);

  bool empty() const { return hosts_.empty(); }

  // For hosts: sessions come and go; Left forgets an agent that is gone: `host` is destroyed.
  void SessionBegan(const std::string& session_id, OriginalHost& host);
  void SessionOver(const std::string& session_id);
  void Left(OriginalHost& host);

 private:
  struct Place {
    OriginalHost* host = nullptr;
    ChannelId channel;  // The session's connection now.
  };

  // FindOf returns a session's place if the channel is its connection.
  Place* FindOf(const std::string& session_id, ChannelId channel);

  Switchboard& switchboard_;
  const std::function<void()> on_empty_;
  absl::flat_hash_map<OriginalHost*, std::unique_ptr<OriginalHost>> hosts_;
  absl::flat_hash_map<std::string, OriginalHost*> nodes_;  // The newest of each.
  absl::flat_hash_map<std::string, Place> sessions_;
};

}  // namespace relay
