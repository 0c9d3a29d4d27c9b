#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "engine/wire/control.h"

namespace agent {

// RelayOutbox is what is to be said to the relay about sealed sessions, in order. It waits here
// while the link takes no more, and while there is none: sessions go on without the link to the
// relay, and what happened in them is told when there is one again.
class RelayOutbox {
 public:
  // Beyond it messages are dropped, with a line in the log. No stream opens when more than half is
  // full (HasRoomForStream), so that the rest is there for ends: of all streams that may be open,
  // of sessions, and for answers.
  static constexpr size_t kMessagesMax = 4096;

  void Push(const engine::ControlMessage& message);

  // HasRoomForStream is false when news of another stream could not be kept until the relay has it.
  bool HasRoomForStream() const { return messages_.size() < kMessagesMax / 2; }

  // Flush passes the messages to `send`, the first ones first, until it returns false.
  void Flush(absl::FunctionRef<bool(std::string_view json)> send);

  // LinkLost forgets answers: the relay that asked awaits them no more.
  void LinkLost();

  size_t size() const { return messages_.size(); }

 private:
  struct Message {
    std::string json;
    bool is_answer = false;
  };
  std::deque<Message> messages_;
  size_t dropped_count_ = 0;
};

}  // namespace agent
