#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/base/time.h"
#include "engine/mux/liveness.h"
#include "engine/wire/control.h"

namespace engine {
class Loop;
}  // namespace engine

namespace agent {

// RelayOutbox is what is to be said to the relay about sealed sessions, in order. It waits here
// while the link takes no more, while there is none, and to gather (IsPatient): sessions go on
// without the link to the relay, and what happened in them is told when there is one again. Lanes
// push from their own threads: what is said here is rare, hence the mutex.
class RelayOutbox {
 public:
  // Beyond it messages are dropped, with a line in the log. No stream opens when more than half is
  // full (HasRoomForStream), so that the rest is there for ends: of all streams that may be open,
  // of sessions, and for answers.
  static constexpr size_t kMessagesMax = 4096;
  // A link that is dead is left within this time, also one that rests.
  static constexpr engine::Duration kUnheardMax = std::chrono::seconds(35);
  static_assert(engine::Resting(engine::kConnectedLiveness).silence_max +
                    engine::Resting(engine::kConnectedLiveness).rest <
                kUnheardMax);
  static constexpr size_t kUnheardCountMax = 1024;
  static constexpr size_t kGatherMax = 256;

  // `home` is the loop of the thread that flushes; it is woken when it has to, and outlives the
  // outbox.
  explicit RelayOutbox(engine::Loop& home) : home_(home) {}

  void Push(const engine::ControlMessage& message);

  // HasRoomForStream is false when news of another stream could not be kept until the relay has it.
  bool HasRoomForStream() const { return size() < kMessagesMax / 2; }

  // Flush passes the messages to `send`, the first ones first, until it returns false.
  void Flush(absl::FunctionRef<bool(std::string_view json)> send);

  // LinkLost forgets answers: the relay that asked awaits them no more. What was said in the last
  // kUnheardMax of connections that are lost (LanesLost) and of sessions that are over
  // (SessionOver) is said again on the next link: the address that took the connections has mostly
  // taken the link, too, and with it the words that were on their way. To hear them twice changes
  // nothing. From the loop's thread, as Flush.
  void LinkLost();

  size_t size() const;

  // IsPatient is true while nobody waits for any of it: it is news of streams, less than
  // kGatherMax, which may be left to gather. One that is added then wakes the loop only if it is
  // the first.
  bool IsPatient() const;

 private:
  enum class Kind : uint8_t { kNews, kStreamNews, kAnswer, kSaidAgain };
  struct Message {
    std::string json;
    Kind kind = Kind::kNews;
    engine::Instant said_at{};
  };
  static Kind KindOf(const engine::ControlMessage& message);

  engine::Loop& home_;
  mutable std::mutex mutex_;
  std::deque<Message> messages_;  // From here on under mutex_.
  std::deque<Message> unheard_;   // Were said, and may have been lost with the link.
  size_t stream_news_count_ = 0;  // Of messages_.
  size_t dropped_count_ = 0;
};

}  // namespace agent
