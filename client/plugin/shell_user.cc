#include "client/plugin/shell_user.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>

#include "client/say.h"

namespace client {
namespace {

using engine::datachannel::PayloadType;
using engine::datachannel::WindowSize;

constexpr std::string_view kExitCodeBegin = "EXIT_CODE: ";
// What a terminal's line discipline takes for the end of the file, interrupt and quit.
constexpr char kEndOfFile = '\x04';
constexpr char kInterrupt = '\x03';
constexpr char kQuit = '\x1c';

std::unique_ptr<RawTerminal> TakeTerminal(int descriptor, ShellUser::FarSide far_side) {
  if (far_side != ShellUser::FarSide::kTerminal || ::isatty(descriptor) == 0) return nullptr;
  return std::make_unique<RawTerminal>(descriptor, false);
}

InputPump::Escapes EscapesOf(const std::unique_ptr<RawTerminal>& terminal) {
  return terminal != nullptr && terminal->active() ? InputPump::Escapes::kOn
                                                   : InputPump::Escapes::kOff;
}

engine::ByteView OneByte(const char& byte) { return engine::AsBytes(std::string_view(&byte, 1)); }

}  // namespace

ShellUser::ShellUser(engine::Loop& loop, ChannelSession& session, engine::Socket in,
                     engine::Socket out, int terminal, FarSide far_side,
                     SessionUser::Events& events)
    : loop_(loop),
      session_(session),
      events_(events),
      descriptor_(terminal),
      far_side_(far_side),
      terminal_(TakeTerminal(terminal, far_side)),
      in_(loop, in, *this, EscapesOf(terminal_)),
      out_(loop, out, *this),
      end_again_op_(engine::Handler<engine::Fired>::To<&ShellUser::OnQuiet>(this)) {
  SendSize();
  in_.Start();
}

bool ShellUser::TakeData(PayloadType type, engine::ByteView bytes) {
  if (ended_) return true;
  if (out_.IsFull()) return false;
  if (type == PayloadType::kFlag) return true;
  if (type == PayloadType::kExitCode) {
    const std::string_view text = engine::AsText(bytes);
    if (text.starts_with(kExitCodeBegin)) {
      int code = 0;
      const char* begin = text.data() + kExitCodeBegin.size();
      if (std::from_chars(begin, text.data() + text.size(), code).ec == std::errc()) {
        exit_code_ = code;
      }
    }
  }
  out_.Append(bytes);
  if (is_input_over_) SendEndLater();
  if (out_.HasEnough() && !std::exchange(is_holding_, true)) session_.Hold();
  return true;
}

void ShellUser::OnRoom() {
  if (ended_) return;
  if (unsent_size_.has_value()) SendSize();
  if (ends_due_ > 0) SendEnd();
  in_.Resume();
}

bool ShellUser::TakeSignal(int number) {
  switch (number) {
    case SIGWINCH:
      SendSize();
      return true;
    case SIGCONT:
      if (terminal_ != nullptr) terminal_->Reenter();
      SendSize();
      return true;
    case SIGINT:
      session_.SendBytes(OneByte(kInterrupt));
      return true;
    case SIGQUIT:
      session_.SendBytes(OneByte(kQuit));
      return true;
    default:
      return false;
  }
}

void ShellUser::Stop() {
  ended_ = true;
  terminal_.reset();
  in_.Stop();
  out_.Stop();
  loop_.Cancel(end_again_op_);
}

size_t ShellUser::TakeInput(engine::BufferRef slice) {
  if (ended_) return slice.size();
  const size_t sent = session_.SendBytes(slice.bytes());
  if (sent > 0) {
    const std::byte last = slice.bytes()[sent - 1];
    is_at_line_start_ = last == std::byte{'\n'} || last == std::byte{'\r'};
  }
  return sent;
}

void ShellUser::OnInputEnded(engine::IoError error) {
  if (ended_ || error == engine::IoError::kCanceled) return;
  if (far_side_ == FarSide::kPipe) return;  // The command's input is not ours.
  // Whoever reads there must learn that no more comes; on a line that was begun the first one only
  // ends that line.
  ends_due_ = is_at_line_start_ ? 1 : 2;
  is_input_over_ = true;
  SendEnd();
  SendEndLater();
}

void ShellUser::SendEnd() {
  while (ends_due_ > 0 && session_.SendBytes(OneByte(kEndOfFile)) == 1) --ends_due_;
}

void ShellUser::SendEndLater() {
  end_again_at_ = loop_.Now() + kEndAgainAfter;
  if (!end_again_op_.in_flight()) loop_.StartTimer(end_again_op_, end_again_at_);
}

void ShellUser::OnQuiet(engine::Fired outcome) {
  if (ended_ || outcome.error != engine::IoError::kNone) return;
  if (loop_.Now() < end_again_at_) return loop_.StartTimer(end_again_op_, end_again_at_);
  ends_due_ = std::max<size_t>(ends_due_, 1);
  SendEnd();
}

void ShellUser::OnEscape(Escape escape) {
  switch (escape) {
    case Escape::kDisconnect:
      return End({.kind = UserEnd::Kind::kLeft, .text = {}});
    case Escape::kHelp:
      return Say(kEscapeHelp);
    case Escape::kSuspend:
      if (terminal_ != nullptr) terminal_->Suspend();
      return SendSize();
    case Escape::kStreams:
    case Escape::kRejoin:
    case Escape::kNone:
      return;
  }
}

void ShellUser::OnOutputMoved(ByteOutput&) {
  if (!out_.HasEnough() && std::exchange(is_holding_, false)) session_.Resume();
}

void ShellUser::OnOutputFailed(ByteOutput&, engine::IoError error) {
  // That nobody reads any more is an end like any other.
  if (error == engine::IoError::kReset) return End({.kind = UserEnd::Kind::kLeft, .text = {}});
  End({.kind = UserEnd::Kind::kFailed, .text = "cannot write to the standard output"});
}

void ShellUser::SendSize() {
  if (ended_) return;
  const engine::TerminalSize size = TerminalSizeOf(
      descriptor_, {.columns = kNoTerminalSize.columns, .rows = kNoTerminalSize.rows});
  const WindowSize window{.columns = static_cast<uint16_t>(size.columns),
                          .rows = static_cast<uint16_t>(size.rows)};
  unsent_size_ = window;
  if (!session_.HasRoom()) return;  // OnRoom sends the newest.
  unsent_size_.reset();
  session_.Send(PayloadType::kSize, engine::AsBytes(Encode(window)));
}

void ShellUser::End(UserEnd end) {
  if (std::exchange(ended_, true)) return;
  in_.Stop();
  events_.OnUserEnded(end);
}

}  // namespace client
