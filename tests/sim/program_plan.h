// What a program at the node does, as both ends compute it from its flow's plan: it takes and sends
// the flow's bytes, waits for the terminal's last size and for a signal, and exits.

#pragma once

#include <cstdint>
#include <string>

#include "engine/wire/control.h"
#include "tests/sim/byte_flow.h"

namespace sim {

enum class ProgramKind : uint8_t {
  kShell,         // A login shell, on a terminal.
  kExec,          // A command, on pipes.
  kExecTerminal,  // A command, on a terminal.
};

struct ProgramPlan {
  static constexpr uint16_t kFirstColumns = 80;

  // The terminal has that many in the end, one more with each change.
  uint16_t last_columns = kFirstColumns;
  bool waits_for_signal = false;
  engine::Exit exit;

  static ProgramPlan Of(const FlowPlan& flow, bool with_terminal) {
    ProgramPlan plan;
    if (with_terminal) plan.last_columns += static_cast<uint16_t>(flow.salt % 5);
    plan.waits_for_signal = (flow.salt >> 8) % 4 == 0;
    if (plan.waits_for_signal) {
      plan.exit.signal = "TERM";
    } else {
      plan.exit.status = static_cast<uint8_t>(flow.salt >> 16);
    }
    return plan;
  }
};

inline bool HasTerminal(ProgramKind kind) { return kind != ProgramKind::kExec; }

}  // namespace sim
