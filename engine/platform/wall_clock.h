#pragma once

#include <cstdint>
#include <string>

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

// BootId names the time since the machine was started: PassedMs of two processes may be compared
// where it is the same, unless they are in different time namespaces. Empty: the system does not
// say (Linux: random(4)).
std::string BootId();

}  // namespace engine
