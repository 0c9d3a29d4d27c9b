#pragma once

#include <cstdint>

namespace engine {

// UnixNow returns unix seconds by the machine's clock, which people set and which may jump: for
// certificates, signatures and what people read. Everything that waits asks Loop::Now().
int64_t UnixNow();

// UnixNowMs is the same in milliseconds.
int64_t UnixNowMs();

// PassedMs returns milliseconds since some moment before this process began, whatever people set.
// It goes on while the process is stopped and while the machine sleeps: beside it one sees that the
// wall clock was set.
int64_t PassedMs();

}  // namespace engine
