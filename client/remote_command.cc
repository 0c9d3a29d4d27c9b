#include "client/remote_command.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

#include "client/exit_code.h"
#include "client/memory_plan.h"
#include "client/relay_access.h"
#include "client/remote_process.h"
#include "client/say.h"
#include "client/session_end.h"
#include "client/terminal/terminal_posix.h"
#include "engine/platform/signal_source.h"

namespace client {
namespace {

// How long the relay may take to hear that we leave.
constexpr engine::Duration kGoodbyeMax = std::chrono::milliseconds(500);

bool TakesTerminal(const RemoteCommand& command) {
  return command.with_terminal && ::isatty(STDIN_FILENO) != 0;
}

// RemoteRun joins link, program, terminal and signals.
class RemoteRun final : private SessionLink::Events,
                        private RemoteProcess::Events,
                        private engine::SignalSource::Events {
 public:
  RemoteRun(RelayAccess& relay, engine::SignalSource& signals, RemoteCommand command,
            bool has_title)
      : relay_(relay), signals_(signals), command_(std::move(command)), has_title_(has_title) {}

  int Run() {
    signals_.Start(relay_.driver().loop(), *this);
    const absl::Status status = Connect();
    if (status.ok()) {
      relay_.RunUntil([this] { return ended_; }, "");
    } else {
      failure_ = TextOf(status);
    }
    // The link's own reason is the cause of what its stream was told.
    if (from_stream_ && !link_end_.text.empty()) failure_ = link_end_.text;
    terminal_.reset();
    if (link_end_.unexplained && failure_ == link_end_.text) {
      failure_ = relay_.EndText(session_, node_, link_end_);
    }
    if (!failure_.empty()) Say(failure_);
    Shut();
    if (leave_by_ != 0) engine::DieBySignal(leave_by_);
    return exit_code_;
  }

 private:
  absl::Status Connect() {
    absl::StatusOr<LinkTarget> target =
        relay_.StartSession(command_.node, command_.wish, command_.carriage);
    if (!target.ok()) return target.status();
    node_ = Printable(target->node_label);
    target->options = ProcessLinkOptions();
    session_ = target->session_id;
    sealed_ = target->node_context != nullptr;
    link_ = std::make_unique<SessionLink>(relay_.driver(), *std::move(target), relay_.lanes(),
                                          static_cast<SessionLink::Events&>(*this));
    link_->Dial();
    relay_.LetGo();
    relay_.RunUntil([this] { return process_ != nullptr || ended_; },
                    "connecting to " + node_ + " ...");
    return absl::OkStatus();
  }

  void OnLinkReady(SessionLink&) override {
    engine::Loop& loop = relay_.driver().loop();
    const StandardStreams streams{.in = loop.Adopt(STDIN_FILENO),
                                  .out = loop.Adopt(STDOUT_FILENO),
                                  .error = loop.Adopt(STDERR_FILENO)};
    if (TakesTerminal(command_)) {
      terminal_ = std::make_unique<RawTerminal>(STDIN_FILENO, has_title_);
      SetSize(TerminalSizeOf(STDIN_FILENO));  // It may have changed while we connected.
    }
    const bool raw = terminal_ != nullptr && terminal_->active();
    process_ =
        std::make_unique<RemoteProcess>(loop, link_->multiplexer(), streams,
                                        raw ? InputPump::Escapes::kOn : InputPump::Escapes::kOff,
                                        static_cast<RemoteProcess::Events&>(*this));
    if (!process_->Open(command_.request)) Fail(node_ + " takes no program on this link");
  }

  void OnLinkEnded(SessionLink&, const LinkEnd& end) override {
    link_over_ = true;
    link_end_ = end;
    // What the program wrote before may still be on its way out; it ends after that by itself.
    if (process_ == nullptr) Fail(end.text);
  }

  void OnProcessEnded(const ProcessEnd& end) override {
    ended_ = true;
    switch (end.kind) {
      case ProcessEnd::Kind::kExited:
        exit_code_ = ExitCodeOf(end.exit);
        if (exit_code_ == kOwnFailure && !end.exit.signal.empty()) {
          failure_ = "the program was ended by a signal that this machine does not know: " +
                     Printable(end.exit.signal);
        }
        return;
      case ProcessEnd::Kind::kOutputClosed:
        failure_ = end.text;
        exit_code_ = end.text.empty() ? kOutputClosedExit : kOwnFailure;
        return;
      case ProcessEnd::Kind::kRejected:
      case ProcessEnd::Kind::kReset:
        from_stream_ = true;
        if (end.code == engine::CloseCode::kCannotStart) exit_code_ = kCannotStartExit;
        failure_ = NoProgramText(end.text, node_, command_.wish.document);
        if (failure_.empty()) failure_ = SessionEndText(end.code, end.text, node_);
        if (const auto* exec = std::get_if<engine::ExecRequest>(&command_.request)) {
          failure_ += UnsplitText(end.text, node_, exec->arguments);
        }
        return;
    }
  }

  void OnProcessEscape(Escape escape) override {
    switch (escape) {
      case Escape::kDisconnect:
        Fail(IsCut() ? LeftBehindText() : "the session on " + node_ + " was ended with ~.");
        return;
      case Escape::kHelp:
        Say(kEscapeHelp);
        return;
      case Escape::kSuspend:
        terminal_->Suspend();
        SendSize();
        return;
      case Escape::kStreams:
        SayStreams();
        return;
      case Escape::kRejoin:
        if (link_over_ || !link_->Rejoin()) {
          Say("this session cannot go on over another connection; it keeps the one that it has");
        }
        return;
      case Escape::kNone:
        return;
    }
  }

  void OnSignal(int number) override {
    if (number == SIGWINCH) {
      SendSize();
    } else if (number == SIGCONT) {
      if (terminal_ != nullptr) terminal_->Reenter();
      SendSize();
    } else if (process_ == nullptr || IsCut()) {
      terminal_.reset();
      if (process_ != nullptr) Say(LeftBehindText());
      engine::DieBySignal(number);  // Nothing runs yet, or it cannot be told.
    } else if (terminal_ != nullptr || number == SIGHUP || std::exchange(signaled_, true)) {
      // Its user is gone, or it did not listen the first time. The node is told, so that it does
      // not wait for us to come again.
      leave_by_ = number;
      Fail("");
    } else {
      process_->SendSignal(SignalName(number));
    }
  }

  bool IsCut() const { return !link_over_ && link_->multiplexer().suspended(); }

  std::string LeftBehindText() const {
    return "there is no connection, so " + node_ +
           " does not hear of this end: what runs there may go on\n`adit terminate " +
           Printable(session_) + "` ends it";
  }

  void SayStreams() const {
    std::string text =
        "session " + Printable(session_) + " on " + node_ + (sealed_ ? ", sealed" : ", inspected");
    if (!link_over_) {
      const engine::Multiplexer& multiplexer = link_->multiplexer();
      text += ": " + std::to_string(multiplexer.stream_count()) + " stream, " +
              std::to_string(multiplexer.received_bytes()) + " bytes received, " +
              std::to_string(multiplexer.sent_bytes()) + " bytes sent";
    }
    Say(text);
  }

  void SetSize(engine::TerminalSize size) {
    if (auto* shell = std::get_if<engine::ShellRequest>(&command_.request)) shell->size = size;
    if (auto* exec = std::get_if<engine::ExecRequest>(&command_.request)) exec->size = size;
    if (auto* granted = std::get_if<engine::GrantedRequest>(&command_.request)) {
      granted->size = size;
    }
  }

  void SendSize() {
    if (process_ == nullptr || !command_.with_terminal) return;
    const engine::TerminalSize size = TerminalSizeOf(STDIN_FILENO, {.columns = 0, .rows = 0});
    if (size.columns != 0) process_->Resize(size);
  }

  void Fail(std::string text) {
    failure_ = std::move(text);
    exit_code_ = kOwnFailure;
    ended_ = true;
  }

  // Shut cancels and awaits everything in flight; what is queued for the relay is sent, if it takes
  // it soon.
  void Shut() {
    if (process_ != nullptr) process_->Stop();
    if (link_ != nullptr) link_->Close();
    signals_.Stop();
    const auto joined = [this] {
      return (link_ == nullptr || link_over_) && signals_.joined() &&
             (process_ == nullptr || process_->joined());
    };
    if (!relay_.RunFor(kGoodbyeMax, joined)) {
      if (link_ != nullptr) link_->Abort();
      relay_.RunUntil(joined, "");
    }
  }

  RelayAccess& relay_;
  engine::SignalSource& signals_;
  RemoteCommand command_;
  const bool has_title_;
  std::string node_;  // For messages; printable.
  std::string session_;
  std::unique_ptr<SessionLink> link_;
  std::unique_ptr<RawTerminal> terminal_;
  std::unique_ptr<RemoteProcess> process_;
  bool ended_ = false;
  bool from_stream_ = false;
  bool link_over_ = false;
  bool sealed_ = false;
  bool signaled_ = false;
  int leave_by_ = 0;  // The signal of which we die, in good order.
  int exit_code_ = kOwnFailure;
  std::string failure_;
  LinkEnd link_end_;
};

}  // namespace

int RunRemote(const CommonFlags& flags, const Environment& environment, RemoteCommand command) {
  // A raw terminal sends ^C as a byte, and what ends us ends the session. Without one signals go to
  // the program there.
  const std::unique_ptr<engine::SignalSource> signals =
      TakesTerminal(command) ? std::make_unique<engine::SignalSource>(
                                   std::initializer_list<int>{SIGWINCH, SIGCONT, SIGHUP, SIGTERM})
                             : std::make_unique<engine::SignalSource>(
                                   std::initializer_list<int>{SIGINT, SIGTERM, SIGQUIT, SIGHUP});
  const absl::StatusOr<std::unique_ptr<RelayAccess>> relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) {
    Say(TextOf(relay.status()));
    return kOwnFailure;
  }
  return RemoteRun(**relay, *signals, std::move(command), HasTitle(TerminalName(environment)))
      .Run();
}

}  // namespace client
