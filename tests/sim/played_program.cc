#include "tests/sim/played_program.h"

#include <signal.h>

#include <cstring>

namespace sim {

bool PlayedProgram::Go() {
  has_news_ = false;
  if (flow_.knows_plan()) {
    const ProgramPlan plan = ProgramPlan::Of(flow_.plan(), with_terminal_);
    const bool may_end = columns_ == plan.last_columns &&
                         (is_asked_to_end_ || !plan.waits_for_signal) && flow_.is_done();
    if (may_end) flow_.LetEnd();
    if (flow_.state() == ByteFlow::State::kWhole) wanted_ = plan.exit;
  }
  if (!flow_.gone()) return false;
  exit_ = wanted_;
  on_exit();
  return true;
}

// Sizes come one after another; one that was left out, or came twice, is against the rules.
void PlayedProgram::SetSize(uint16_t columns) {
  if (columns != columns_ + 1) {
    flow_.Blame("the terminal has " + std::to_string(columns) + " columns after " +
                std::to_string(columns_));
  }
  columns_ = columns;
  has_news_ = true;
  flow_.NoteProgress();
}

void PlayedProgram::HearEnd() {
  if (exit_.has_value()) return;
  flow_.HearEnd();
  has_news_ = true;
}

void PlayedProgram::Hear(int signal) {
  if (exit_.has_value() || signal == 0 || signal == SIGCONT || signal == SIGWINCH) return;
  has_news_ = true;
  if (signal == SIGTERM) {  // It ends when its work is done.
    is_asked_to_end_ = true;
    return;
  }
  wanted_.signal = ::sigabbrev_np(signal);
  flow_.Abort();
}

}  // namespace sim
