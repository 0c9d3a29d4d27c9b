#include "relay/gateway/program_conduit.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>
#include <utility>

#include "engine/base/check.h"
#include "engine/datachannel/agent_payloads.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::datachannel::kStreamPayloadMax;
using engine::datachannel::PayloadType;

namespace {

// What clients send for Ctrl-C and Ctrl-\, which means something without a terminal, too.
constexpr std::byte kInterrupt{0x03};
constexpr std::byte kQuit{0x1C};
// What real machines say of a program that a signal ended.
constexpr int kEndedBySignal = -1;

}  // namespace

void ProgramConduit::Start() {
  CHECK(state_ == State::kNew);
  if (!terms_.with_terminal || is_size_known_) return Open();
  state_ = State::kWaitingForSize;
  open_by_ = host_.Now() + kSizeMax;
}

void ProgramConduit::HandleDeadline(engine::Instant now) {
  if (state_ == State::kWaitingForSize && now >= open_by_) Open();
}

void ProgramConduit::Open() {
  open_by_ = engine::Instant::max();
  state_ = State::kOpen;
  engine::GrantedRequest request;
  request.size = size_;
  request.terminal = terms_.with_terminal ? "xterm-256color" : "";
  stream_.Open(engine::EncodeOpen(request), *this);
}

// --------------------------------------------------------------------- input

bool ProgramConduit::TakeInput(PayloadType type, ByteView payload) {
  switch (type) {
    case PayloadType::kSize:
      TakeSize(payload);
      return true;
    case PayloadType::kOutput:
      return TakeBytes(payload);
    case PayloadType::kFlag: {
      engine::datachannel::SessionFlag flag{};
      if (Decode(payload, flag) && flag == engine::datachannel::SessionFlag::kTerminateSession) {
        host_.Finish({}, "The client ended the session.");
      }
      return true;
    }
    default:
      return true;  // Nothing else is a client's to say; real machines pass over it.
  }
}

bool ProgramConduit::TakeBytes(ByteView bytes) {
  if (state_ == State::kNew) return false;
  if (state_ == State::kWaitingForSize) Open();
  if (!stream_.takes_input()) return true;
  if (!terms_.with_terminal) {
    for (const std::byte byte : bytes) {
      if (byte == kInterrupt) SendSignal("INT");
      if (byte == kQuit) SendSignal("QUIT");
    }
    return true;
  }
  return input_.Offer(host_.multiplexer(), host_.pool(), stream_.id(), bytes);
}

void ProgramConduit::TakeSize(ByteView payload) {
  if (!ProgramStream::ReadSize(payload, size_)) return;
  is_size_known_ = true;
  if (!terms_.with_terminal) return;
  if (state_ == State::kWaitingForSize) return Open();
  stream_.SendSize(size_);
}

void ProgramConduit::SendSignal(std::string_view name) {
  std::ignore = host_.multiplexer().SendControl(
      stream_.id(), engine::Encode(engine::Signal{.name = std::string(name)}));
}

// -------------------------------------------------------------------- output

void ProgramConduit::OnData(engine::Channel channel, engine::BufferRef payload) {
  const bool is_error = channel == engine::Channel::kStderr;
  if (runs_.empty() || runs_.back().is_error != is_error) runs_.push_back({.is_error = is_error});
  runs_.back().size += payload.size();
  output_.Append(payload.bytes());
  host_.OutputWaits();
}

void ProgramConduit::OnControl(ByteView message) {
  engine::ControlMessage control;
  if (!engine::Decode(engine::AsText(message), control)) return;
  const auto* exit = std::get_if<engine::Exit>(&control);
  if (exit == nullptr) return;
  exit_ = *exit;
  host_.Exited(*exit);
}

void ProgramConduit::OnFinished() { stream_.Finished(); }

void ProgramConduit::OnRejected(CloseCode code, std::string_view text) {
  stream_.Rejected(code, text);
}

void ProgramConduit::OnClosed(CloseCode code, std::string_view text) { stream_.Closed(code, text); }

void ProgramConduit::PumpOutput() {
  while (!runs_.empty() && host_.HasRoom()) {
    SendRun(runs_.front());
    if (runs_.front().size == 0) runs_.pop_front();
  }
  if (runs_.empty() && stream_.over() && state_ != State::kOver && host_.HasRoom()) {
    FinishSession();
  }
}

void ProgramConduit::SendRun(Run& run) {
  const bool is_apart = terms_.separates_output && !terms_.with_terminal;
  std::array<std::byte, kStreamPayloadMax> payload;
  size_t size = 0;
  if (is_apart && !std::exchange(run.is_begun, true)) {
    const std::string& prefix = run.is_error ? terms_.error_prefix : terms_.output_prefix;
    size = std::min(prefix.size(), payload.size() - 1);
    std::memcpy(payload.data(), prefix.data(), size);
  }
  const size_t count = std::min(run.size, payload.size() - size);
  std::memcpy(payload.data() + size, output_.front().data(), count);
  host_.Send(is_apart && run.is_error ? PayloadType::kStdErr : PayloadType::kOutput,
             ByteView(payload).first(size + count));
  output_.Take(count);
  run.size -= count;
  stream_.Consume(count);
}

void ProgramConduit::FinishSession() {
  state_ = State::kOver;
  if (exit_.has_value() && terms_.separates_output && !terms_.with_terminal) {
    const int code = exit_->signal.empty() ? exit_->status : kEndedBySignal;
    host_.Send(PayloadType::kExitCode, engine::AsBytes("EXIT_CODE: " + std::to_string(code)));
  }
  host_.Finish(stream_.end_output(), stream_.end_reason());
}

}  // namespace relay
