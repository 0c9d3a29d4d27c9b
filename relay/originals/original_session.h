// One session of an original agent: the client's side of its data channel.
//
//     kStarting --handshake, output or quiet--> kRunning --agent_task_complete--> kDraining
//         |                                        |                                  |
//         | 30 s, End             away for 15 s,   |              all of its output   |
//         v                       Leave, End       v              came, or 60 s       v
//     kLeaving <-----------------------------------+                                kOver
//         |                                                                           ^
//         +-- agent_task_complete, 10 s ----------------------------------------------+
//
// One that completes while it is starting is over when all of its output came.
// Its data channel may be lost at any time, and another one take its place.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/datachannel/data_channel.h"
#include "engine/mux/multiplexer.h"
#include "relay/gateway/channel_connection.h"
#include "relay/gateway/message_batch.h"
#include "relay/originals/agent_session.h"
#include "relay/originals/original_task.h"
#include "relay/originals/outward_conduit.h"

namespace relay {

class OriginalSession final : public AgentSession,
                              private engine::datachannel::StreamConsumer,
                              private OutwardConduit::Host {
 public:
  // Where no handshake tells: how long after its first word an agent surely listens.
  static constexpr engine::Duration kQuietMax = std::chrono::seconds(1);
  // How long what is left of its output may take to arrive or to be taken after the agent has said
  // that it is over.
  static constexpr engine::Duration kDrainMax = std::chrono::seconds(60);

  OriginalSession(OriginalTask task, std::string node_id, Owner& owner, engine::Instant now,
                  uint64_t seed);
  ~OriginalSession() override;

  // Open: the first one begins it, and a port takes more.
  bool Open(engine::StreamId id) override;
  void Connect(std::unique_ptr<ChannelConnection> connection, engine::Instant now) override;
  void Disconnect(engine::Instant now) override;
  void Receive(const MessageBatch& batch, engine::Instant now) override;
  void Sent(size_t size) override;
  void Complete(const engine::datachannel::TaskComplete& task, engine::Instant now) override;
  // End: nobody is there for it any more.
  void End(std::string_view reason, engine::Instant now) override;
  void Run(engine::Instant now) override;
  engine::Instant NextDeadline() const override;
  bool over() const override { return state_ == State::kOver && conduit_->done(); }

 private:
  enum class State : uint8_t { kStarting, kRunning, kDraining, kLeaving, kOver };

  bool OnStreamData(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void TakeHandshakeRequest(engine::ByteView payload);

  engine::Multiplexer& multiplexer() override { return owner_.multiplexer(); }
  engine::BufferPool& pool() override { return owner_.pool(); }
  bool HasRoom() const override { return channel_.HasRoom(); }
  void Send(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void InputWaits() override { owner_.Wake(); }
  void OutputMayGoOn() override;
  void RetryOutput() override;
  void Leave() override;

  void Start();
  void Lose(engine::CloseCode code, std::string_view why);
  bool IsDrained() const;
  void HandleDeadlines();
  void SendMessages();
  void LetConnectionGoOn();

  const OriginalTask task_;
  const std::string node_id_;
  Owner& owner_;
  engine::datachannel::DataChannel channel_;
  std::unique_ptr<OutwardConduit> conduit_;
  std::unique_ptr<ChannelConnection> connection_;
  State state_ = State::kStarting;
  bool is_opened_ = false;         // By its first stream.
  bool is_answered_ = false;       // The agent's handshake was.
  bool is_told_to_leave_ = false;  // The agent was.
  bool output_may_go_on_ = false;
  bool is_output_refused_ = false;
  std::optional<engine::datachannel::TaskComplete> complete_;
  size_t unsent_ = 0;
  size_t untaken_ = 0;  // Of what the connection brought: while nobody takes it, it stands still.
  engine::Instant now_;
  engine::Instant start_by_;
  engine::Instant listens_at_ = engine::Instant::max();
  engine::Instant away_until_ = engine::Instant::max();
  engine::Instant retry_at_ = engine::Instant::max();
  engine::Instant over_by_ = engine::Instant::max();
};

}  // namespace relay
