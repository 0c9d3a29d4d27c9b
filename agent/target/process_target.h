// A stream joined to a program: a shell on a terminal, or a command on three pipes or a terminal.
//
//     Start --> forked --(execve succeeded: accept)--> running --(exit, and all output read)-->
//                 |                                       |         Exit, Finish --> stream closes
//                 +-(it failed: reject)--> teardown <-----+--(reset, link ended, End)
//
// Teardown closes the descriptors and hangs up on what still runs (child_process.h).

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/process/child_process.h"
#include "agent/process/program_host.h"
#include "agent/process/spawn.h"
#include "agent/target/descriptor_pump.h"
#include "agent/target/stream_handle.h"
#include "agent/target/target.h"
#include "engine/loop/op.h"
#include "engine/wire/control.h"

namespace agent {

class ProcessTarget final : public Target,
                            private ChildProcess::Events,
                            private DescriptorPump::Events {
 public:
  // The program is `plan`'s; `session_id` is for the log.
  ProcessTarget(const TargetContext& context, Owner& owner, StreamHandle stream, SpawnRequest plan,
                std::string session_id);
  ~ProcessTarget() override;

  void Start() override;
  void End(engine::CloseCode code, std::string_view text) override;
  bool over() const override { return over_; }
  bool IsOn(const engine::Multiplexer& link) const override { return stream_.IsOn(link); }

  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnControl(engine::ByteView message) override;
  void OnWritable() override;
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

 private:
  bool with_terminal() const { return plan_.terminal.has_value(); }
  void OpenPumps(const StartedProgram& started);
  void ReceiveStatus();
  void OnStatus(engine::Received outcome);
  void OnStatusClosed(engine::Closed outcome);
  void OnTimer(engine::Fired outcome);
  void OnChildExited(const engine::Exit& exit) override;
  void OnChildGone() override;
  void OnReadEnd(DescriptorPump& pump, engine::IoError error) override;
  void OnWriteEnd(DescriptorPump& pump, engine::IoError error) override;
  void OnPumpClosed(DescriptorPump& pump) override;
  void Run();
  void DrainTerminal();
  void FinishWhenDone();
  void TearDown();
  void CheckOver();

  engine::Loop& loop_;
  ProgramHost& programs_;
  Owner& owner_;
  StreamHandle stream_;
  const SpawnRequest plan_;
  const std::string session_id_;
  ChildProcess child_;
  DescriptorPump input_;  // Standard input, or the terminal both ways.
  DescriptorPump output_;
  DescriptorPump error_;

  engine::Socket status_;  // The pipe that tells how execve went.
  engine::ReceiveOp status_op_;
  engine::CloseOp status_close_op_;
  // Retries the status; types the end of input again; watches a terminal run dry.
  engine::TimerOp timer_op_;

  std::optional<engine::Exit> exit_;
  int outputs_open_ = 0;
  uint64_t drained_bytes_ = 0;  // As of the last tick.
  char last_input_ = '\n';
  engine::BufferRef early_;  // The client's input that was there before `typed_`.
  bool typed_ = false;       // What the document types was typed.
  bool running_ = false;
  bool exit_sent_ = false;
  bool tearing_down_ = false;
  bool over_ = false;
};

}  // namespace agent
