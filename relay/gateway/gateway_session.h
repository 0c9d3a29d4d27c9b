// A session of an AWS client: the machine's side of its data channel, translated to streams of a
// link. It does no I/O; whoever runs it passes on what connections bring.
//
//     client's messages --> DataChannel --> handshake, then Conduit --> Multiplexer --> link
//                  (order, repetition)      (shell, command, port)     (one stream each)
//
//     kNew --Connect--> kHandshake --client's answer--> kRunning --+
//                        | 15 s  |                         ^       | program or target over, flag,
//                        |       +--answer with a key--> kProving  v idle, ended from elsewhere
//                        +-----> kEnding: what was sent arrives, then channel_closed --> kOver
//
// A connection may be lost at any time, and another one take its place; the newest wins.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/data_channel.h"
#include "engine/mux/multiplexer.h"
#include "relay/broker/data_plane.h"
#include "relay/gateway/channel_connection.h"
#include "relay/gateway/conduit.h"
#include "relay/gateway/farewell.h"
#include "relay/gateway/machine_handshake.h"
#include "relay/gateway/message_batch.h"
#include "relay/gateway/passage.h"

namespace relay {

class GatewaySession final : private engine::LinkEvents,
                             private engine::datachannel::StreamConsumer,
                             private Conduit::Host {
 public:
  // Runner calls Run.
  class Runner {
   public:
    virtual ~Runner() = default;
    // Wake says that Run has something to do. It must not call Run itself.
    virtual void Wake() = 0;
    // OnOver is the last call, from inside Run: nobody will hear anything more.
    virtual void OnOver(std::string_view reason) = 0;
  };

  // How long a client that lost its connection finds its session, if it has no idle limit.
  static constexpr engine::Duration kAwayMax = std::chrono::minutes(20);
  // A client that acknowledges nothing for so long while it is connected is given up.
  static constexpr engine::Duration kRepeatsMax = std::chrono::minutes(5);
  // What was delivered to a connection and is not sent yet.
  static constexpr size_t kUnsentMax = 64 * 1024;
  // Of all streams' windows together: the least that each of the most streams needs.
  static constexpr uint64_t kWindowsMax = 12 * 1024 * 1024;

  // `token` joins the session at the link's other side. `passage` may be null; everything given by
  // reference outlives the session. `seed` makes the ids of messages.
  GatewaySession(const SessionGrant& grant, std::string_view token, Runner& runner,
                 engine::BufferPool& pool, Passage* passage, engine::Instant now, uint64_t seed);
  ~GatewaySession() override;

  // link is the session's side of a link to the switchboard; LinkClosed says that it is over.
  engine::Multiplexer& link() { return link_; }
  void LinkClosed();

  // Refusal returns an empty text when a client that has shown a token may connect, or why not.
  std::string Refusal(std::string_view client_id) const;
  // Connect gives the session a connection; an earlier one is dropped. Requires: no Refusal.
  void Connect(std::unique_ptr<ChannelConnection> connection, std::string_view client_id,
               engine::Instant now);
  // Disconnect says that the connection is lost.
  void Disconnect(engine::Instant now);
  // IsEnding: what is left is the client's last word.
  bool is_ending() const { return state_ >= State::kEnding; }
  // Receive takes messages of the connection; Sent says how many bytes it has passed on.
  void Receive(const MessageBatch& batch, engine::Instant now);
  void Sent(size_t size);

  // End ends the session; the client's user is shown `text`.
  void End(std::string text);

  void Run(engine::Instant now);
  engine::Instant NextDeadline() const;

 private:
  enum class State : uint8_t { kNew, kHandshake, kProving, kRunning, kEnding, kOver };

  void OnOpen(engine::StreamId id, engine::Priority priority, engine::ByteView request) override;
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;

  bool OnStreamData(engine::datachannel::PayloadType type, engine::ByteView payload) override;

  engine::Multiplexer& multiplexer() override { return link_; }
  engine::BufferPool& pool() override { return pool_; }
  engine::Instant Now() const override { return now_; }
  bool HasRoom() const override { return channel_.HasRoom(); }
  void Send(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void InputMayGoOn() override;
  void OutputWaits() override { runner_.Wake(); }
  void KeyProven() override;
  void Exited(const engine::Exit& exit) override { exit_ = exit; }
  void Finish(std::string output, std::string_view reason) override;

  // BeginEnd ends the session, once.
  void BeginEnd(Farewell::Cause cause, std::string output, std::string_view reason);

  void StartHandshake();
  void TakeHandshake(engine::ByteView payload);
  void StartIfReady();
  void CompleteHandshake();
  void HandleDeadlines();
  void SendMessages();
  void SayLastWord();
  void NoteActivity() { active_at_ = now_; }
  bool is_encrypted() const { return !grant_.plan.key_id.empty(); }
  bool is_seen() const { return passage_ != nullptr && !is_encrypted(); }
  bool is_shaking_hands() const { return state_ == State::kHandshake || state_ == State::kProving; }
  engine::Instant IdleDeadline() const;

  const SessionGrant grant_;
  Runner& runner_;
  engine::BufferPool& pool_;
  Passage* const passage_;
  engine::Multiplexer link_;
  engine::datachannel::DataChannel channel_;
  std::unique_ptr<Conduit> conduit_;
  std::unique_ptr<ChannelConnection> connection_;
  std::string client_id_;
  State state_ = State::kNew;
  bool is_link_ready_ = false;
  bool is_conduit_started_ = false;
  bool input_may_go_on_ = false;
  engine::datachannel::WindowSize early_size_;  // Said before the handshake was done.
  bool is_early_size_known_ = false;
  size_t unsent_ = 0;
  engine::Instant now_;
  MachineHandshake handshake_;
  std::string client_version_;
  engine::Instant active_at_;
  engine::Instant away_since_;        // Without a connection.
  std::optional<engine::Exit> exit_;  // Of the program.
  Farewell farewell_;
};

}  // namespace relay
