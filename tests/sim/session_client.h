#pragma once

#include <string>

#include "engine/base/time.h"
#include "tests/sim/process.h"

namespace sim {

// SessionClient is a command of the operator's: it has a session, until that is over.
class SessionClient : public Process {
 public:
  explicit SessionClient(engine::sim::SimWorld& world, uint16_t block_count)
      : Process(world, kOperator, block_count) {}

  // The session runs, and takes connections or a program.
  virtual bool is_ready() const = 0;
  // Empty: nobody has told it of one.
  virtual const std::string& session_id() const = 0;
  virtual bool has_session() const { return is_ready(); }
  virtual bool was_ready() const = 0;
  // The session has ended, whoever wanted it; the process then stops by itself.
  virtual bool is_session_over() const = 0;
  // It ended its session by itself, or has begun to.
  virtual bool has_left() const { return false; }
  // It has streams of its own, which end when it leaves.
  virtual bool is_in_midst() const { return false; }
  // Since when it has waited for what nobody may refuse it for long; max(): for nothing.
  virtual engine::Instant waits_since() const { return engine::Instant::max(); }
  // It was over because all that was wanted of it is done.
  virtual bool is_done() const { return false; }
  virtual const std::string& end_text() const = 0;
};

}  // namespace sim
