#include "client/plugin/stdio_user.h"

#include <utility>

namespace client {

using engine::datachannel::PayloadType;

StdioUser::StdioUser(engine::Loop& loop, ChannelSession& session, engine::Socket in,
                     engine::Socket out, SessionUser::Events& events)
    : session_(session),
      events_(events),
      in_(loop, in, *this, InputPump::Escapes::kOff),
      out_(loop, out, *this) {
  in_.Start();
}

bool StdioUser::TakeData(PayloadType type, engine::ByteView bytes) {
  if (ended_ || type != PayloadType::kOutput) return true;
  if (out_.IsFull()) return false;
  out_.Append(bytes);
  if (out_.HasEnough() && !std::exchange(is_holding_, true)) session_.Hold();
  return true;
}

void StdioUser::OnRoom() {
  if (!ended_) in_.Resume();
}

void StdioUser::Stop() {
  ended_ = true;
  in_.Stop();
  out_.Stop();
}

size_t StdioUser::TakeInput(engine::BufferRef slice) {
  return ended_ ? slice.size() : session_.SendBytes(slice.bytes());
}

void StdioUser::OnInputEnded(engine::IoError error) {
  if (ended_ || error == engine::IoError::kCanceled) return;
  // The protocol cannot say that one direction is over, and whoever runs a ProxyCommand closes both
  // at once. What was read before is still delivered.
  End({.kind = UserEnd::Kind::kLeft, .text = {}});
}

void StdioUser::OnOutputMoved(ByteOutput&) {
  if (!out_.HasEnough() && std::exchange(is_holding_, false)) session_.Resume();
}

void StdioUser::OnOutputFailed(ByteOutput&, engine::IoError) {
  End({.kind = UserEnd::Kind::kLeft, .text = {}});  // Nobody reads any more.
}

void StdioUser::End(UserEnd end) {
  if (std::exchange(ended_, true)) return;
  in_.Stop();
  events_.OnUserEnded(end);
}

}  // namespace client
