#pragma once

#include <functional>
#include <optional>

#include "engine/wire/control.h"
#include "tests/sim/byte_flow.h"
#include "tests/sim/program_plan.h"

namespace sim {

// PlayedProgram is one that was started on the node's machine: a flow, and what else its plan says.
class PlayedProgram {
 public:
  // The flow outlives its run.
  PlayedProgram(ByteFlow& flow, bool with_terminal, uint16_t columns)
      : flow_(flow), with_terminal_(with_terminal), columns_(columns) {}

  // Go does what it can now. True: it has exited, and whoever started it was told.
  bool Go();
  // There is something to Go for, of which its loop does not know.
  bool has_news() const { return has_news_; }
  void SetSize(uint16_t columns);
  void HearEnd();
  void Hear(int signal);

  const std::optional<engine::Exit>& exit() const { return exit_; }
  // Is called when it has exited; whoever runs it sets this.
  std::function<void()> on_exit;

 private:
  ByteFlow& flow_;
  const bool with_terminal_;
  uint16_t columns_;
  bool has_news_ = false;
  bool is_asked_to_end_ = false;
  engine::Exit wanted_;  // If it does not come to its planned end.
  std::optional<engine::Exit> exit_;
};

}  // namespace sim
