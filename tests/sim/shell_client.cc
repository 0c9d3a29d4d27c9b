#include "tests/sim/shell_client.h"

#include <utility>

#include "client/memory_plan.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/wire/command_line.h"

namespace sim {
namespace {

const std::vector<std::string>& Command() {
  static const std::vector<std::string> command = {"play", "as planned"};
  return command;
}

client::SessionWish WishFor(ProgramKind kind) {
  client::SessionWish wish;
  wish.reason = "to see whether it lasts";
  if (kind == ProgramKind::kShell) return wish;
  wish.document = kind == ProgramKind::kExecTerminal ? "AWS-StartInteractiveCommand"
                                                     : "AWS-StartNonInteractiveCommand";
  wish.parameters["command"] = engine::JoinCommand(Command());
  return wish;
}

engine::OpenRequest RequestFor(ProgramKind kind) {
  const engine::TerminalSize size{.columns = ProgramPlan::kFirstColumns, .rows = 24};
  if (kind == ProgramKind::kShell) {
    engine::ShellRequest shell;
    shell.size = size;
    shell.terminal = "xterm-256color";
    return shell;
  }
  engine::ExecRequest exec;
  exec.arguments = Command();
  exec.with_terminal = HasTerminal(kind);
  if (exec.with_terminal) {
    exec.size = size;
    exec.terminal = "xterm-256color";
  }
  return exec;
}

}  // namespace

ShellClient::ShellClient(engine::sim::SimWorld& world, uint16_t block_count, const Options& options,
                         Witness& witness)
    : SessionClient(world, block_count),
      options_(options),
      witness_(witness),
      asker_(driver(), options.is_sealed, WishFor(options.kind), witness,
             [this](client::LinkTarget target) { OnStarted(std::move(target)); }),
      news_op_(engine::Handler<engine::Fired>::To<&ShellClient::OnNews>(this)),
      terminal_close_op_(engine::Handler<engine::Closed>::To<&ShellClient::OnTerminalClosed>(this)),
      random_(world.random.Next()) {}

void ShellClient::OnStarted(client::LinkTarget target) {
  target.options = client::ProcessLinkOptions();
  if (options_.resume_bytes_max != 0) target.options.resume_bytes_max = options_.resume_bytes_max;
  link_ = std::make_unique<client::SessionLink>(driver(), std::move(target), asker_.lanes(),
                                                static_cast<client::SessionLink::Events&>(*this));
  link_->Dial();
}

void ShellClient::OnLinkReady(client::SessionLink&) { is_ready_ = true; }

void ShellClient::OnLinkEnded(client::SessionLink&, const client::LinkEnd& end) {
  is_link_over_ = true;
  if (!end.text.empty()) end_text_ = end.text;  // It is the cause of what its stream was told.
  engine::log::Write(engine::log::Level::kInfo, "client_over", {{"why", end_text_}});
  link_.reset();
}

void ShellClient::Run(const FlowPlan& plan, engine::Socket terminal) {
  CHECK(is_ready());
  plan_ = plan;
  terminal_ = terminal;
  process_ = std::make_unique<client::RemoteProcess>(
      driver().loop(), link_->multiplexer(),
      client::StandardStreams{.in = terminal, .out = terminal, .error = terminal},
      client::InputPump::Escapes::kOff, static_cast<client::RemoteProcess::Events&>(*this));
  driver().loop().StartTimer(news_op_, loop().Now() + std::chrono::milliseconds(1));
  if (process_->Open(RequestFor(options_.kind))) return;
  is_process_over_ = true;
  end_text_ = "the link takes no program";
}

// The user changes the size again and again, and sends the signal after that.
void ShellClient::OnNews(engine::Fired) {
  if (is_process_over_ || is_leaving()) return;
  const ProgramPlan plan = ProgramPlan::Of(plan_, HasTerminal(options_.kind));
  if (columns_ == plan.last_columns) {
    if (plan.waits_for_signal) process_->SendSignal("TERM");
    return;
  }
  if (random_.Chance(70)) process_->Resize({.columns = ++columns_, .rows = 24});
  driver().loop().StartTimer(news_op_,
                             loop().Now() + std::chrono::milliseconds(random_.Range(1, 1500)));
}

void ShellClient::OnProcessEnded(const client::ProcessEnd& end) {
  is_process_over_ = true;
  if (end.kind == client::ProcessEnd::Kind::kExited) {
    is_done_ = true;
    const ProgramPlan plan = ProgramPlan::Of(plan_, HasTerminal(options_.kind));
    witness_.Applied(Rule::kExit);
    if (HasTerminal(options_.kind)) witness_.Applied(Rule::kSizes);
    // A program that was hung up on ends by that, and only when something ends sessions.
    const bool is_right =
        end.exit.status == plan.exit.status && end.exit.signal == plan.exit.signal;
    if (!is_right) {
      is_done_ = false;
      end_text_ = "the program ended with status " + std::to_string(end.exit.status) + ", signal " +
                  end.exit.signal;
    }
  } else {
    end_text_ = end.text;
  }
}

bool ShellClient::is_idle() const {
  return !asker_.is_asking() && link_ == nullptr && !news_op_.in_flight() &&
         (process_ == nullptr || process_->joined());
}

void ShellClient::StopProcess() {
  if (process_ != nullptr && !std::exchange(is_process_stopped_, true)) process_->Stop();
}

void ShellClient::CloseTerminal() {
  if (!terminal_.valid() || !process_->joined()) return;
  driver().loop().Close(terminal_close_op_, std::exchange(terminal_, {}),
                        is_done_ ? engine::CloseMode::kOrderly : engine::CloseMode::kReset);
}

void ShellClient::AfterIteration() {
  if (is_process_over_ || is_leaving()) {
    StopProcess();
    driver().loop().Cancel(news_op_);
    CloseTerminal();
    if (link_ != nullptr) {
      has_left_ = true;
      link_->Close();
    }
  }
  const bool may_close = is_idle() && (is_leaving() || is_link_over_);
  if (!may_close || std::exchange(are_calls_closed_, true)) return;
  asker_.Close();
}

bool ShellClient::over() const {
  return are_calls_closed_ && is_idle() && asker_.joined() && !terminal_.valid() &&
         !terminal_close_op_.in_flight();
}

void ShellClient::Stop() {
  asker_.Stop();
  StopProcess();
  if (link_ != nullptr) link_->Close();
}

void ShellClient::LetGo() {
  asker_.Stop();
  StopProcess();
  if (link_ != nullptr) link_->Abort();
}

}  // namespace sim
