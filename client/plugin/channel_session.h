// One session as its client: the handshake, and bytes in order over whichever connection there is.
//
//     nothing known --handshake request--> answered --handshake complete--> of a kind
//          |                                                                    ^
//          +---- output of a machine that shakes no hands: a shell -------------+
//
// It outlives its connections; what was not acknowledged goes over the next one again.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/plugin/client_handshake.h"
#include "engine/crypto/payload_cipher.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/data_channel.h"
#include "engine/loop/loop.h"

namespace client {

class ChannelLink;

// SessionKind is what the machine said of the session.
struct SessionKind {
  std::string type;  // One of the four of agent_handshake.h.
  std::optional<engine::datachannel::PortProperties> properties;  // Of a port.
  std::string agent_version;                                      // Empty: it did not say.
  std::string customer_message;  // To be printed on a line of its own, if there is one.
};

class ChannelSession final : private engine::datachannel::StreamConsumer {
 public:
  class Events {
   public:
    // Once, before any data. Data may be sent from now on.
    virtual void OnSessionKind(const SessionKind& kind) = 0;
    // Returns whether it was taken. After a no nothing else is offered, and so nothing of it is
    // acknowledged, until Resume is called; then it comes again when the machine repeats it.
    virtual bool OnSessionData(engine::datachannel::PayloadType type, engine::ByteView bytes) = 0;
    // After HasRoom said no.
    virtual void OnSessionRoom() = 0;
    // Once, before OnSessionKind, of an encrypted session: ProvideKey is to be called. `challenge`
    // is what the key is bound to as well, if it is not empty.
    virtual void OnSessionKeyWanted(const std::string& key_id, const std::string& challenge) = 0;
    // The service's last word.
    virtual void OnSessionClosed(const engine::datachannel::ChannelClosed& closed) = 0;
    // Nothing is known of the session's kind, or what comes is not encrypted as it was agreed.
    virtual void OnSessionBroken(const std::string& why) = 0;

   protected:
    ~Events() = default;
  };

  using UnixMs = std::function<int64_t()>;

  // All outlive the session. `seed` makes message ids.
  ChannelSession(engine::Loop& loop, UnixMs clock, uint64_t seed, Events& events);
  ~ChannelSession() override;  // Requires: joined().

  // Attach goes on over `link`, which is open; Detach says that it is gone.
  void Attach(ChannelLink& link);
  void Detach();
  // Receive takes one message of the link.
  void Receive(engine::ByteView bytes);
  // Pump sends what may be sent; for OnLinkRoom.
  void Pump();

  // ProvideKey answers OnSessionKeyWanted, also from inside it: with an error, for people, the
  // machine is told so and ends the session.
  void ProvideKey(const absl::StatusOr<DataKey>& key);

  // HasRoom says whether Send may be called; it sends 1 to kStreamPayloadMax bytes as one message.
  bool HasRoom();
  void Send(engine::datachannel::PayloadType type, engine::ByteView payload);
  // SendBytes sends from the front of `bytes` what there is room for, and returns how much.
  size_t SendBytes(engine::ByteView bytes);

  // Hold stops reading the connection: whoever takes the data has enough. A little may still come.
  // Resume goes on, also after OnSessionData said no.
  void Hold();
  void Resume();

  bool attached() const { return link_ != nullptr; }
  // Everything that was sent arrived.
  bool drained() const { return channel_.drained(); }

  // Stop ends its timer; joined() is true once it has ended.
  void Stop();
  bool joined() const { return !timer_op_.in_flight(); }

 private:
  bool OnStreamData(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  bool TakeHandshakeRequest(engine::ByteView payload);
  void AnswerHandshake(const std::optional<absl::StatusOr<DataKey>>& key);
  bool TakeChallenge(engine::ByteView payload);
  void SendPayload(engine::ByteView bytes);
  bool HandOver(engine::datachannel::PayloadType type, engine::ByteView payload);
  bool HandOverSealed(engine::datachannel::PayloadType type, engine::ByteView payload);
  void Break(const std::string& why);
  bool TakeHandshakeComplete(engine::ByteView payload);
  void Start(SessionKind kind);
  void OnTimer(engine::Fired outcome);
  void ArmTimer();

  engine::Loop& loop_;
  const UnixMs clock_;
  Events& events_;
  ChannelLink* link_ = nullptr;
  engine::datachannel::DataChannel channel_;
  engine::TimerOp timer_op_;
  engine::Instant armed_ = engine::Instant::max();
  std::optional<SessionKind> asked_;  // Of the handshake, until it is complete.
  engine::datachannel::HandshakeRequest request_;
  std::optional<engine::crypto::PayloadCipher> cipher_;  // Of an encrypted session.
  bool is_answered_ = false;                             // The handshake request came.
  bool is_started_ = false;
  bool is_broken_ = false;
  bool is_stopped_ = false;
  bool wants_room_ = false;
  bool is_held_ = false;
  bool is_refused_ = false;  // OnSessionData said no.
  bool is_receiving_ = false;
};

}  // namespace client
