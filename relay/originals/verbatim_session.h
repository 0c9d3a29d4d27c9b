// A session between an AWS client and an original agent: each speaks to the other as if nobody were
// between them. Messages pass as they are, both ways.
//
//     client ==data channel== ChannelEnd <--Crossing-- ... --Crossing--> ChannelEnd ==data
//     channel== agent
//
//     begun --agent_task_complete, all came--> farewell: what is under way arrives, then
//       |                                      channel_closed --> client over --+
//       | End, idle, either end away for long                                    +--> over
//       +--> both are told channel_closed; agent_task_complete, or 10 s ---------+
//
// Either end may lose its connection at any time, and another one take its place. What is said in
// the name of one end is little: see crossing.h.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "relay/broker/data_plane.h"
#include "relay/gateway/farewell.h"
#include "relay/gateway/passage.h"
#include "relay/originals/agent_session.h"
#include "relay/originals/channel_end.h"
#include "relay/originals/original_task.h"

namespace relay {

class VerbatimSession final : public AgentSession, private Crossing::Watch {
 public:
  // Client is who runs the client's side.
  class Client {
   public:
    // OnOver is the last call: the client has heard its last word. The bytes are of payloads that
    // passed, each counted once. It may not destroy the session.
    virtual void OnOver(std::string_view reason, uint64_t to_node_bytes,
                        uint64_t to_client_bytes) = 0;

   protected:
    ~Client() = default;
  };

  // Some clients hang when they hear something between the end of a port's handshake and their
  // first word (P4); agents pass over what comes while they finish one: a size (P33), ssh's first
  // line.
  static constexpr engine::Duration kClientQuiet = std::chrono::milliseconds(250);
  static constexpr engine::Duration kAgentQuiet = std::chrono::milliseconds(100);
  // How long an agent that has said that it is over may take to close its data channel.
  static constexpr engine::Duration kCloseMax = std::chrono::seconds(5);

  // `task` is TaskOf the grant. `passage` may be null; what is given by reference outlives the
  // session, but the client hears no more after OnOver.
  VerbatimSession(const SessionGrant& grant, const OriginalTask& task, Owner& owner, Client& client,
                  Passage* passage, engine::Instant now);
  ~VerbatimSession() override;

  // The client's end, as of GatewaySession.
  std::string Refusal(std::string_view client_id) const;
  void ConnectClient(std::unique_ptr<ChannelConnection> connection, std::string_view client_id,
                     engine::Instant now);
  void DisconnectClient(engine::Instant now);
  void ReceiveFromClient(const MessageBatch& batch, engine::Instant now);
  void SentToClient(size_t size);
  bool is_ending() const { return farewell_.begun(); }

  void Connect(std::unique_ptr<ChannelConnection> connection, engine::Instant now) override;
  void Disconnect(engine::Instant now) override;
  void Receive(const MessageBatch& batch, engine::Instant now) override;
  void Sent(size_t size) override;
  void Complete(const engine::datachannel::TaskComplete& task, engine::Instant now) override;
  void End(std::string_view reason, engine::Instant now) override;
  void Run(engine::Instant now) override;
  engine::Instant NextDeadline() const override;
  bool over() const override { return is_client_over_ && is_agent_over_; }

 private:
  void OnPassing(Crossing& crossing, engine::datachannel::PayloadType type,
                 engine::ByteView payload) override;

  void Pass(const MessageBatch& batch, ChannelEnd& from, ChannelEnd& to);
  void AcknowledgeAgain(const engine::datachannel::AgentMessage& message, ChannelEnd& to);
  void SayPublication(engine::datachannel::MessageType type);
  void LetGo();
  // Lose ends it from the relay's side: both ends are told.
  void Lose(std::string text, std::string_view reason);
  void EndIfDue();
  void TellAgentToLeave();
  void SayLastWord();
  engine::Instant IdleDeadline() const;

  const SessionGrant grant_;
  Owner& owner_;
  Client& listener_;
  Passage* const passage_;
  ChannelEnd client_;
  ChannelEnd agent_;
  std::string client_id_;
  Farewell farewell_;
  std::optional<engine::datachannel::TaskComplete> complete_;
  bool has_begun_ = false;  // The agent came.
  bool has_left_ = false;   // The client said that it ends the session.
  bool is_client_over_ = false;
  bool is_agent_over_ = false;
  uint64_t to_node_bytes_ = 0;
  uint64_t to_client_bytes_ = 0;
  engine::Instant now_;
  engine::Instant active_at_;
  engine::Instant client_by_ = engine::Instant::max();  // When who is away has to be here ...
  engine::Instant agent_by_;
  engine::Instant agent_over_by_ = engine::Instant::max();  // ... and be over.
};

}  // namespace relay
