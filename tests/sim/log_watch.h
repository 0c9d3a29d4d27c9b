#pragma once

#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "tests/sim/witness.h"

namespace sim {

// LogWatch reads what the world's programs say on stderr, which is a file here: it knows there how
// lanes go on, and tells the witness. With a trace it passes all of it on, with the world's time.
class LogWatch {
 public:
  // `log` is a descriptor of the file that stderr goes to; `trace` where lines go, or -1.
  LogWatch(int log, int trace) : log_(log), trace_(trace) {}

  void Poll(Witness& witness, engine::Instant now);

 private:
  void Line(std::string_view line, Witness& witness, engine::Instant now) const;

  const int log_;
  const int trace_;
  long offset_ = 0;
  std::string rest_;
};

}  // namespace sim
