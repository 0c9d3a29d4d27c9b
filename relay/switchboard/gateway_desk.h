// The gateway's part of one loop: the sessions of AWS clients that live here, and the connections
// that came here, each with its session here or on another loop.
//
//     connection's loop                                session's loop
//     ChannelRole  ----------- channel_desk.h ------>  GatewayDesk --> GatewayHost, or, where the
//                                                      node has an original agent, VerbatimHost
//                                                      (one for each session)
//
// Both sides speak by Switchboard::Post, which is a call on the same loop. The connections of
// original agents are found here as well; their sessions are at the OriginalDesk.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "relay/switchboard/channel_desk.h"

namespace relay {

class ChannelRole;
class ClientHost;
class Switchboard;
struct SessionGrant;

// What a client is told that comes for a session that is not here.
inline constexpr std::string_view kNoSessionText =
    "The session is over, or was never here. Start a new one.";

class GatewayDesk final : public ChannelDesk {
 public:
  // `on_empty` is called when the last session after Stop is over.
  GatewayDesk(Switchboard& switchboard, std::function<void()> on_empty);
  ~GatewayDesk() override;

  // Connections of this loop.
  uint64_t AddChannel(ChannelRole& channel);
  void RemoveChannel(uint64_t serial);
  ChannelRole* FindChannel(uint64_t serial);

  // Sessions of this loop: what their connections say. One that is not the session's any more is
  // not heard.
  void Attach(const ChannelAttachment& attachment) override;
  void Receive(const std::string& session_id, ChannelId channel,
               const MessageBatch& batch) override;
  void Sent(const std::string& session_id, ChannelId channel, size_t size) override;
  void Lost(const std::string& session_id, ChannelId channel) override;

  // Stop ends every session with a word; CutAll without.
  void Stop();
  void CutAll();
  bool empty() const { return hosts_.empty(); }

  // Left forgets a session that is over: `host` is destroyed.
  void Left(ClientHost& host);

 private:
  ClientHost* Find(const std::string& session_id);
  ClientHost* FindOf(const std::string& session_id, ChannelId channel);
  // Begin begins a session whose client has come. Null: it does not, because of `refusal`.
  ClientHost* Begin(const SessionGrant& grant, const ChannelAttachment& attachment,
                    std::string& refusal);
  void Refuse(const ChannelAttachment& attachment, std::string_view text);

  Switchboard& switchboard_;
  const std::function<void()> on_empty_;
  uint64_t last_serial_ = 0;
  bool is_stopping_ = false;
  absl::flat_hash_map<uint64_t, ChannelRole*> channels_;
  absl::flat_hash_map<std::string, std::unique_ptr<ClientHost>> hosts_;
};

}  // namespace relay
