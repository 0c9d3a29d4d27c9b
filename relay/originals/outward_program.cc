#include "relay/originals/outward_program.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "engine/datachannel/agent_payloads.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::datachannel::kStreamPayloadMax;
using engine::datachannel::PayloadType;

namespace {

constexpr char kInterrupt = 0x03;
constexpr char kEndOfInput = 0x04;
constexpr char kQuit = 0x1C;
// What waits is the stream's window, and what is typed for it; a client that signals without end
// does not make us hold more.
constexpr size_t kInputMax = 1024 * 1024;
// A command of which nothing else is known, but that it failed.
constexpr int kFailedStatus = 255;
constexpr std::string_view kExitCodePrefix = "EXIT_CODE: ";

std::optional<int> ParseExitCode(std::string_view text) {
  if (!text.starts_with(kExitCodePrefix)) return std::nullopt;
  text.remove_prefix(kExitCodePrefix.size());
  int code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return code;
}

}  // namespace

OutwardProgram::~OutwardProgram() {
  if (state_ == State::kAccepted || state_ == State::kFinished) {
    host_.multiplexer().Reset(stream_, CloseCode::kSessionEnded);
  }
}

void OutwardProgram::Start() {
  if (state_ != State::kOpened) return;
  if (!host_.multiplexer().Accept(stream_, *this)) {
    state_ = State::kOver;
    return host_.Leave();
  }
  state_ = State::kAccepted;
  if (terms_.with_terminal) size_ = terms_.size;
  host_.InputWaits();
}

// -------------------------------------------------------------------- to the agent

void OutwardProgram::OnData(engine::Channel, engine::BufferRef payload) {
  if (!terms_.with_terminal) {
    // Taken in silence it would be lost in silence.
    const engine::StreamId stream = stream_;
    state_ = State::kOver;
    host_.multiplexer().Reset(stream, CloseCode::kUnsupported,
                              "this node's agent (amazon-ssm-agent) has no standard input for a "
                              "command without a terminal: ask for one (-t), or leave it empty");
    return host_.Leave();
  }
  input_.Append(payload.bytes());
  unconsumed_ += payload.size();
  host_.InputWaits();
}

void OutwardProgram::OnControl(ByteView message) {
  engine::ControlMessage control;
  if (!engine::Decode(engine::AsText(message), control)) return;
  if (const auto* resize = std::get_if<engine::Resize>(&control)) {
    if (terms_.with_terminal) size_ = resize->size;
  } else if (const auto* signal = std::get_if<engine::Signal>(&control)) {
    if (signal->name == "INT") Type(kInterrupt);
    if (signal->name == "QUIT") Type(kQuit);
    // Without a terminal there is no other way to end it.
    if (!terms_.with_terminal && (signal->name == "TERM" || signal->name == "KILL")) host_.Leave();
  }
  host_.InputWaits();
}

void OutwardProgram::Type(char byte) {
  if (input_.size() < kInputMax) input_.Append(engine::AsBytes(std::string_view(&byte, 1)));
}

void OutwardProgram::OnFinished() {
  if (terms_.with_terminal) Type(kEndOfInput);
  host_.InputWaits();
}

void OutwardProgram::OnClosed(CloseCode, std::string_view) {
  const bool was_finished = state_ == State::kFinished;
  state_ = State::kOver;
  if (!was_finished) return host_.Leave();
  host_.InputWaits();  // It is done.
}

void OutwardProgram::SendSize() {
  const engine::TerminalSize size = *std::exchange(size_, std::nullopt);
  if (size.columns == 0 || size.rows == 0) return;
  host_.Send(PayloadType::kSize,
             engine::AsBytes(Encode(engine::datachannel::WindowSize{size.columns, size.rows})));
}

void OutwardProgram::PumpInput() {
  if (state_ != State::kAccepted) return;
  if (size_.has_value() && host_.HasRoom()) SendSize();
  while (!input_.empty() && host_.HasRoom()) {
    const size_t size = std::min(input_.size(), kStreamPayloadMax);
    host_.Send(PayloadType::kOutput, input_.front().first(size));
    input_.Take(size);
    const size_t consumed = std::min(size, unconsumed_);
    unconsumed_ -= consumed;
    host_.multiplexer().Consume(stream_, consumed);
  }
}

// ------------------------------------------------------------------ from the agent

bool OutwardProgram::TakeOutput(PayloadType type, ByteView payload) {
  if (state_ != State::kAccepted) return true;
  if (type == PayloadType::kExitCode) {
    exit_code_ = ParseExitCode(engine::AsText(payload));
    return true;
  }
  const bool is_error = type == PayloadType::kStdErr;
  if (!is_error && type != PayloadType::kOutput && type != PayloadType::kError) return true;
  const bool is_written =
      output_.Offer(host_.multiplexer(), host_.pool(), stream_, payload,
                    is_error ? engine::Channel::kStderr : engine::Channel::kMain);
  if (!is_written && host_.multiplexer().Writable(stream_) > 0) host_.RetryOutput();
  return is_written;
}

void OutwardProgram::SayExit(const engine::datachannel::TaskComplete& task) {
  engine::Exit exit;
  const bool is_success = task.status == "Success" || task.status.empty();
  const int code = exit_code_.value_or(is_success ? 0 : kFailedStatus);
  // Windows has larger ones: cut to a byte, a failure could become a success.
  exit.status = code < 0 || code > UINT8_MAX ? kFailedStatus : static_cast<uint8_t>(code);
  std::ignore = host_.multiplexer().SendControl(stream_, engine::Encode(exit));
}

void OutwardProgram::Finish(const engine::datachannel::TaskComplete& task) {
  if (state_ == State::kOpened) {
    return Abandon(CloseCode::kCannotStart,
                   task.output.empty() ? "the node's agent ended it before it began" : task.output);
  }
  if (state_ != State::kAccepted) return;
  state_ = State::kFinished;
  if (task.status == "Failed" && !exit_code_.has_value() && !task.output.empty()) {
    std::ignore = WriteCopy(host_.multiplexer(), host_.pool(), stream_,
                            engine::AsBytes(task.output + "\n"), engine::Channel::kStderr);
  }
  SayExit(task);
  host_.multiplexer().Finish(stream_);
}

void OutwardProgram::Abandon(CloseCode code, std::string_view why) {
  const State before = std::exchange(state_, State::kOver);
  if (before == State::kOpened) host_.multiplexer().Reject(stream_, code, why);
  if (before == State::kAccepted || before == State::kFinished) {
    host_.multiplexer().Reset(stream_, code, why);
  }
}

}  // namespace relay
