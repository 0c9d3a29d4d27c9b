#include "agent/target/process_target.h"

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/buffer/dry_pool.h"

namespace agent {
namespace {

// A terminal whose shell is gone hangs up by itself. When something keeps it open all the same, it
// is read until it was silent for this long.
constexpr engine::Duration kTerminalSilence = std::chrono::milliseconds(200);

// A pipe that has ended stays so, but a terminal forgets: what is typed while the program is
// between two modes of its terminal is lost, as a shell is before its prompt. So the end is typed
// again.
constexpr engine::Duration kEndOfInputAgain = std::chrono::milliseconds(500);

std::string_view TextOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace

ProcessTarget::ProcessTarget(const TargetContext& context, Owner& owner, StreamHandle stream,
                             SpawnRequest plan, std::string session_id)
    : loop_(context.loop),
      programs_(*context.programs),
      owner_(owner),
      stream_(std::move(stream)),
      plan_(std::move(plan)),
      session_id_(std::move(session_id)),
      child_(context.loop, programs_, *this),
      input_(context.loop, stream_, engine::Channel::kMain, *this),
      output_(context.loop, stream_, engine::Channel::kMain, *this),
      error_(context.loop, stream_, engine::Channel::kStderr, *this),
      status_op_(engine::Handler<engine::Received>::To<&ProcessTarget::OnStatus>(this)),
      status_close_op_(engine::Handler<engine::Closed>::To<&ProcessTarget::OnStatusClosed>(this)),
      timer_op_(engine::Handler<engine::Fired>::To<&ProcessTarget::OnTimer>(this)) {}

ProcessTarget::~ProcessTarget() { CHECK(over_); }

// ------------------------------------------------------------------ starting

void ProcessTarget::Start() {
  const absl::StatusOr<StartedProgram> started = programs_.Start(plan_);
  if (!started.ok()) {
    const bool too_many = absl::IsResourceExhausted(started.status());
    stream_.Reject(too_many ? engine::CloseCode::kTooMany : engine::CloseCode::kCannotStart,
                   TextOf(started.status()));
    return TearDown();
  }
  child_.Start(started->pid);
  OpenPumps(*started);
  status_ = started->status;
  ReceiveStatus();
}

void ProcessTarget::OpenPumps(const StartedProgram& started) {
  input_.Open(started.input);
  if (with_terminal()) return;
  output_.Open(started.output);
  error_.Open(started.error);
}

void ProcessTarget::ReceiveStatus() {
  loop_.Receive(status_op_, status_, engine::ReceiveMode::kOnce);
}

void ProcessTarget::OnStatus(engine::Received outcome) {
  if (!tearing_down_ && outcome.error == engine::IoError::kNoBuffers) {
    return loop_.StartTimer(timer_op_, loop_.Now() + engine::kDryPoolPause);
  }
  loop_.Close(status_close_op_, status_);
  if (tearing_down_) return;
  if (outcome.error == engine::IoError::kEndOfStream) return Run();
  const std::string text = SpawnFailureText(outcome.data.bytes(), plan_);
  engine::log::Write(engine::log::Level::kWarning, "program_not_started",
                     {{"session", session_id_}, {"reason", text}});
  stream_.Reject(engine::CloseCode::kCannotStart, text);
  TearDown();
}

void ProcessTarget::OnStatusClosed(engine::Closed) {
  status_ = {};
  CheckOver();
}

void ProcessTarget::Run() {
  running_ = true;
  if (!stream_.Accept(*this)) return TearDown();
  if (with_terminal()) {
    outputs_open_ = 1;
    programs_.Type(input_.socket(), plan_.typed);
    input_.StartReading();
  } else {
    outputs_open_ = 2;
    output_.StartReading();
    error_.StartReading();
  }
  typed_ = true;
  if (!early_.empty()) OnData(engine::Channel::kMain, std::move(early_));
  if (exit_.has_value()) OnChildExited(engine::Exit(*exit_));  // It was quicker than its status.
}

// ------------------------------------------------------------- from the peer

void ProcessTarget::OnData(engine::Channel, engine::BufferRef payload) {
  if (!typed_) {  // From inside Accept: the document's own input goes first.
    early_ = std::move(payload);
    return;
  }
  if (!payload.empty()) last_input_ = static_cast<char>(payload.bytes().back());
  input_.Write(std::move(payload));
}

void ProcessTarget::OnControl(engine::ByteView message) {
  engine::ControlMessage decoded;
  if (!engine::Decode(engine::AsText(message), decoded)) return;  // A newer peer's; not for us.
  const engine::Socket terminal = with_terminal() ? input_.socket() : engine::Socket{};
  if (const auto* resize = std::get_if<engine::Resize>(&decoded)) {
    if (terminal.valid()) programs_.Resize(terminal, resize->size);
  } else if (const auto* signal = std::get_if<engine::Signal>(&decoded)) {
    child_.Signal(signal->name, terminal.valid() ? programs_.ForegroundOf(terminal) : 0);
  }
}

void ProcessTarget::OnWritable() {
  input_.ReadOn();
  output_.ReadOn();
  error_.ReadOn();
  FinishWhenDone();
}

// A pipe is closed. A terminal cannot be half-closed: its end-of-input byte is typed, twice when
// the line has begun, for the first then only ends the line.
void ProcessTarget::OnFinished() {
  if (!with_terminal() || !input_.open()) return input_.FinishWriting();
  const char end = programs_.EndOfInputOf(input_.socket());
  if (end == '\0') return input_.FinishWriting();
  const bool line_begun = last_input_ != '\n' && last_input_ != '\r';
  input_.FinishWriting(std::string(line_begun ? 2 : 1, end));
}

void ProcessTarget::OnClosed(engine::CloseCode, std::string_view) {
  stream_.Detach();
  TearDown();
}

void ProcessTarget::End(engine::CloseCode code, std::string_view text) {
  if (running_) {
    stream_.Reset(code, text);
  } else {
    stream_.Reject(code, text);
  }
  TearDown();
}

// ---------------------------------------------------------- from the program

void ProcessTarget::OnReadEnd(DescriptorPump& pump, engine::IoError) {
  --outputs_open_;
  if (!with_terminal()) pump.Close();
  FinishWhenDone();
}

void ProcessTarget::OnWriteEnd(DescriptorPump& pump, engine::IoError error) {
  if (!with_terminal()) return pump.Close();  // Its reader sees the end; or it has none any more.
  if (error != engine::IoError::kNone || exit_.has_value() || tearing_down_) return;
  loop_.StartTimer(timer_op_, loop_.Now() + kEndOfInputAgain);
}

void ProcessTarget::OnChildExited(const engine::Exit& exit) {
  exit_ = exit;
  if (!running_ || tearing_down_) return;
  if (with_terminal() && outputs_open_ > 0) {
    drained_bytes_ = UINT64_MAX;  // The first tick only looks, whatever it was started for.
    if (!timer_op_.in_flight()) loop_.StartTimer(timer_op_, loop_.Now() + kTerminalSilence);
  }
  FinishWhenDone();
}

void ProcessTarget::OnTimer(engine::Fired) {
  if (tearing_down_) return CheckOver();
  if (!running_) return ReceiveStatus();
  if (exit_.has_value()) return DrainTerminal();
  programs_.TypeEndOfInput(input_.socket());
  loop_.StartTimer(timer_op_, loop_.Now() + kEndOfInputAgain);
}

void ProcessTarget::DrainTerminal() {
  if (exit_sent_ || outputs_open_ == 0) return;
  if (input_.waiting_for_stream() || input_.read_bytes() != drained_bytes_) {
    drained_bytes_ = input_.read_bytes();
    return loop_.StartTimer(timer_op_, loop_.Now() + kTerminalSilence);
  }
  input_.StopReading();
  outputs_open_ = 0;
  FinishWhenDone();
}

void ProcessTarget::FinishWhenDone() {
  if (!running_ || exit_sent_ || tearing_down_) return;
  if (!exit_.has_value() || outputs_open_ > 0) return;
  if (input_.waiting_for_stream()) return;
  exit_sent_ = true;
  engine::log::Write(engine::log::Level::kInfo, "program_ended",
                     {{"session", session_id_},
                      {"status", unsigned{exit_->status}},
                      {"signal", exit_->signal.empty() ? "none" : exit_->signal}});
  child_.Release();
  input_.Close();
  if (stream_.SendControl(engine::Encode(*exit_))) return stream_.Finish();
  End(engine::CloseCode::kInternal, "the exit status could not be sent");
}

// ------------------------------------------------------------------- the end

void ProcessTarget::TearDown() {
  if (tearing_down_) return;
  tearing_down_ = true;
  stream_.Detach();
  loop_.Cancel(timer_op_);
  if (status_op_.in_flight()) {
    loop_.Cancel(status_op_);
  } else if (status_.valid() && !status_close_op_.in_flight()) {
    loop_.Close(status_close_op_, status_);
  }
  input_.Close();
  output_.Close();
  error_.Close();
  if (!child_.gone()) child_.Hangup();
  CheckOver();
}

void ProcessTarget::OnChildGone() { CheckOver(); }
void ProcessTarget::OnPumpClosed(DescriptorPump&) { CheckOver(); }

void ProcessTarget::CheckOver() {
  if (over_ || !tearing_down_ || !child_.gone() || status_.valid() || timer_op_.in_flight()) return;
  if (input_.open() || output_.open() || error_.open()) return;
  over_ = true;
  owner_.OnTargetOver();
}

}  // namespace agent
