#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/remote_process.h"
#include "client/session_link.h"
#include "tests/sim/program_plan.h"
#include "tests/sim/session_asker.h"
#include "tests/sim/session_client.h"
#include "tests/sim/witness.h"

namespace sim {

// ShellClient is `adit shell` or `adit exec`: one session with one program, whose terminal, or
// pipes, are a socket here. Calls, link and pumps are the real ones; a raw terminal and the
// command's signals are not there.
class ShellClient final : public SessionClient,
                          private client::SessionLink::Events,
                          private client::RemoteProcess::Events {
 public:
  struct Options {
    bool is_sealed = true;
    ProgramKind kind = ProgramKind::kShell;
    size_t resume_bytes_max = 0;  // 0: as many as the command has.
  };

  ShellClient(engine::sim::SimWorld& world, uint16_t block_count, const Options& options,
              Witness& witness);
  ~ShellClient() override = default;

  // Run starts the program, joined to that socket of this process, which it takes over. Once.
  // Requires: is_ready().
  void Run(const FlowPlan& plan, engine::Socket terminal);

  bool over() const override;
  // A program may be run.
  bool is_ready() const override {
    return is_ready_ && process_ == nullptr && !is_link_over_ && !is_leaving();
  }
  const std::string& session_id() const override { return asker_.session_id(); }
  bool was_ready() const override { return is_ready_; }
  bool has_session() const override { return is_ready_ && !is_link_over_ && !is_leaving(); }
  bool is_session_over() const override {
    return is_link_over_ && (process_ == nullptr || is_process_over_) && !terminal_.valid();
  }
  bool has_left() const override { return has_left_; }
  bool is_done() const override { return is_done_; }
  const std::string& end_text() const override { return end_text_; }

 private:
  void AfterIteration() override;
  void Stop() override;
  void LetGo() override;
  void OnLinkReady(client::SessionLink& link) override;
  void OnLinkEnded(client::SessionLink& link, const client::LinkEnd& end) override;
  void OnProcessEnded(const client::ProcessEnd& end) override;
  void OnProcessEscape(client::Escape) override {}
  void OnStarted(client::LinkTarget target);
  void OnNews(engine::Fired outcome);
  void OnTerminalClosed(engine::Closed) {}
  void StopProcess();
  void CloseTerminal();
  bool is_idle() const;

  const Options options_;
  Witness& witness_;
  SessionAsker asker_;
  std::unique_ptr<client::SessionLink> link_;
  std::unique_ptr<client::RemoteProcess> process_;
  FlowPlan plan_;
  engine::Socket terminal_;
  engine::TimerOp news_op_;  // The next change of the terminal's size, or the signal.
  engine::CloseOp terminal_close_op_;
  engine::Random random_;
  uint16_t columns_ = ProgramPlan::kFirstColumns;
  std::string end_text_;
  bool is_ready_ = false;
  bool is_process_over_ = false;
  bool is_process_stopped_ = false;
  bool is_done_ = false;
  bool is_link_over_ = false;
  bool has_left_ = false;
  bool are_calls_closed_ = false;
};

}  // namespace sim
