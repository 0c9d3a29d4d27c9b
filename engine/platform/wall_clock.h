#pragma once

#include <cstdint>

namespace engine {

// UnixNow returns unix seconds by the machine's clock, which people set and which may jump: for
// certificates, signatures and what people read. Everything that waits asks Loop::Now().
int64_t UnixNow();

// UnixNowMs is the same in milliseconds.
int64_t UnixNowMs();

}  // namespace engine
