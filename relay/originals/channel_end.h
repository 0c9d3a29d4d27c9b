#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "relay/gateway/channel_connection.h"
#include "relay/gateway/message_batch.h"
#include "relay/originals/crossing.h"

namespace relay {

// ChannelEnd is one end of a session that passes as it is, client or agent: its connection, if it
// has one, and what is on its way to it.
class ChannelEnd {
 public:
  // What was delivered to a connection and is not sent yet.
  static constexpr size_t kUnsentMax = 64 * 1024;
  // Messages beside stream data that wait. What an acknowledgement was for that finds no room comes
  // again.
  static constexpr size_t kNoticeBytesMax = 128 * 1024;

  // `after_handshake`: for so long nothing is said behind the end of a handshake.
  ChannelEnd(Crossing::Watch& watch, engine::Duration after_handshake)
      : after_handshake_(after_handshake), crossing_(watch) {}

  void Connect(std::unique_ptr<ChannelConnection> connection);
  void Disconnect();
  bool connected() const { return connection_ != nullptr; }
  void Sent(size_t size);

  // Crossing is stream data to this end.
  Crossing& crossing() { return crossing_; }
  const Crossing& crossing() const { return crossing_; }

  // Tell sends a message beside stream data, if there is somebody to hear it.
  void Tell(std::string message);
  // SayLast sends one at once, and ends the connection.
  void SayLast(std::string_view message);

  // Brought counts what the connection brought; while `holds`, it is not read any further.
  void Brought(size_t weight) { untaken_ += weight; }
  void LetGo(bool holds);

  // BeQuietUntil holds back what would be sent; Speak lets it go at once.
  void BeQuietUntil(engine::Instant until) { quiet_until_ = until; }
  void Speak() { quiet_until_ = {}; }

  void Run(engine::Instant now);
  engine::Instant NextDeadline(engine::Instant now) const;

 private:
  MessageBatch Gather(engine::Instant now);

  const engine::Duration after_handshake_;
  Crossing crossing_;
  std::unique_ptr<ChannelConnection> connection_;
  std::deque<std::string> notices_;
  size_t notice_bytes_ = 0;  // Of all of them.
  size_t unsent_ = 0;
  size_t untaken_ = 0;
  engine::Instant quiet_until_{};
};

}  // namespace relay
