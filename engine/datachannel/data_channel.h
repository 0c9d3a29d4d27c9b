// One data channel's two directions, as either side of it: bytes in order, whatever the connections
// below do. It makes and takes AgentMessages; who opens WebSockets, when, and what the payloads
// mean is its owner's business.
//
//     owner --Send-----> MessageSender   --+
//                                          +--> NextMessage --> WebSocket
//     owner <--consumer- MessageReceiver --+--acknowledgements
//                              ^------------------- Receive <-- WebSocket
//
// Acknowledgements go before stream data, so that whatever the consumer says in answer to a message
// comes after the acknowledgement of it: real clients need that order in the handshake.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/random.h"
#include "engine/base/time.h"
#include "engine/buffer/recycled_ring.h"
#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/message_receiver.h"
#include "engine/datachannel/message_sender.h"

namespace engine::datachannel {

struct DataChannelOptions {
  SenderOptions sender;
  ReceiverOptions receiver;
};

class DataChannel {
 public:
  enum class Side : uint8_t { kClient, kMachine };

  // Acknowledgements that wait to be sent. While there are as many, messages of the other side are
  // dropped; it repeats them.
  static constexpr size_t kAcknowledgementsMax = 255;

  // `seed` makes message ids. The channel is connected from the start. `consumer` outlives it.
  DataChannel(Side side, const DataChannelOptions& options, StreamConsumer& consumer,
              uint64_t seed);

  // Disconnected says that the connection is lost; everything is kept. Connected says that there is
  // a new one: what was not acknowledged is sent again.
  void Disconnected();
  void Connected();

  // HasRoom says whether Send may be called; Send queues one message of 1 to kStreamPayloadMax
  // bytes. Requires: HasRoom().
  bool HasRoom() const { return sender_.HasRoom(); }
  void Send(PayloadType type, ByteView payload) { sender_.Push(type, payload); }

  // Receive takes a message that was decoded, and returns false when it is none of the channel's
  // own: the owner's then are channel_closed and agent_session_state.
  bool Receive(const AgentMessage& message, Instant now);

  // Retry offers again what the consumer did not take.
  void Retry();

  // NextMessage writes the next message to send and returns its size, or 0 when there is none now.
  // Call it only when what it returns will be sent. `created_ms` is unix time, not 0.
  // Requires: room for kOutgoingSizeMax bytes.
  static constexpr size_t kOutgoingSizeMax = kAgentPayloadOffset + kStreamPayloadMax;
  size_t NextMessage(Instant now, uint64_t created_ms, std::span<std::byte> out);
  bool HasNext() { return is_connected_ && (!acknowledgements_.empty() || sender_.HasNext()); }

  // NextDeadline is when HandleDeadline must be called; then ask HasNext again.
  Instant NextDeadline() const { return sender_.NextDeadline(); }
  void HandleDeadline(Instant now) { sender_.HandleDeadline(now); }

  // drained is true when everything that was sent arrived. What ends a channel is said after that:
  // it would overtake what is missing.
  bool drained() const { return sender_.empty() && acknowledgements_.empty(); }

  const MessageSender& sender() const { return sender_; }
  const MessageReceiver& receiver() const { return receiver_; }

 private:
  struct Acknowledgement {
    MessageId id{};
    int64_t sequence = 0;
  };

  MessageType outgoing() const;
  MessageType incoming() const;
  void UpdateStopped() { sender_.set_stopped(!is_connected_ || is_paused_); }
  // Resume ends a pause: whoever hears the other side knows that it is there.
  void Resume();
  void Acknowledge(const MessageId& id, int64_t sequence);
  size_t WriteAcknowledgement(uint64_t created_ms, std::span<std::byte> out);

  const Side side_;
  bool is_connected_ = true;
  bool is_paused_ = false;
  MessageSender sender_;
  MessageReceiver receiver_;
  RecycledRing<Acknowledgement, kAcknowledgementsMax> acknowledgements_;
  Random random_;
};

}  // namespace engine::datachannel
