#pragma once

#include <string>

namespace engine {

// UringFeatures says whether this process may use io_uring as the loop needs it, and which of the
// features that it can do without are there.
struct UringFeatures {
  // Everything the loop cannot do without: DEFER_TASKRUN, rings of provided buffers, multishot
  // accept and receive. Linux 6.1 has all of them.
  bool usable = false;

  // Why not, for a person: what happened and what to do about it. Empty when usable.
  std::string reason;

  // Zero-copy send of one slice and of several (6.0 and 6.1). Without it kZeroCopy copies.
  bool send_zero_copy = false;
};

// ProbedUringFeatures sets up a small ring, tries it, and remembers the answer for the process.
const UringFeatures& ProbedUringFeatures();

}  // namespace engine
