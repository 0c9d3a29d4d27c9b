// The receiving half of a data channel: messages come out once and in order.
//
//     number = expected   offered to the consumer, and acknowledged when it takes it, now or later:
//                         until then it is kept, and a sender whose consumer cannot go on runs out
//                         of room
//     number > expected   kept until its turn comes, and acknowledged
//     number < expected   acknowledged once more: without that, a sender whose acknowledgement was
//                         lost would repeat it for minutes, and then end the session

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/sequence_window.h"

namespace engine::datachannel {

// StreamConsumer takes the messages of the other side, in order.
class StreamConsumer {
 public:
  virtual ~StreamConsumer() = default;

  // OnStreamData returns whether it took the message. What it did not take is offered again, by
  // itself when the sender says something more, or when Retry is called.
  virtual bool OnStreamData(PayloadType type, ByteView payload) = 0;
};

struct ReceiverOptions {
  // How far ahead of what is missing a message is kept, and how many bytes of such messages. What
  // is beyond is dropped, and not acknowledged.
  size_t ahead_max = 2048;
  size_t ahead_bytes_max = 2 * 1024 * 1024;
};

class MessageReceiver {
 public:
  MessageReceiver(const ReceiverOptions& options, StreamConsumer& consumer)
      : options_(options), consumer_(consumer), window_(options.ahead_max) {}

  // Receive returns whether the message is to be acknowledged. It may be called from inside
  // OnStreamData; the message is then kept for its turn.
  bool Receive(const AgentMessage& message);

  // Retry offers what was kept and not taken.
  void Retry();

  // Late is a message that was kept without an acknowledgement, and is taken now.
  struct Late {
    MessageId id;
    int64_t sequence;
  };
  // TakeLate returns it, once: it is to be acknowledged. Ask after each Receive and Retry.
  std::optional<Late> TakeLate() { return std::exchange(late_, std::nullopt); }

  // expected is the number of the next message for the consumer.
  int64_t expected() const { return window_.base(); }
  size_t ahead_count() const { return window_.count(); }
  size_t ahead_bytes() const { return ahead_bytes_; }
  uint64_t repeated_count() const { return repeated_count_; }  // That had come before.
  uint64_t dropped_count() const { return dropped_count_; }    // No room.

 private:
  struct Ahead {
    PayloadType type;
    std::string payload;
    MessageId id;
    bool is_acknowledged;
  };

  bool Keep(const AgentMessage& message, bool is_acknowledged);
  bool Offer(const AgentMessage& message);

  const ReceiverOptions options_;
  StreamConsumer& consumer_;
  SequenceWindow<Ahead> window_;
  size_t ahead_bytes_ = 0;
  bool is_offering_ = false;
  // One is enough: only the message that is expected is ever kept unacknowledged.
  std::optional<Late> late_;
  uint64_t repeated_count_ = 0;
  uint64_t dropped_count_ = 0;
};

}  // namespace engine::datachannel
