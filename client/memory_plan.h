// How the one pool of blocks is shared out, so that no holder can starve another: a forward whose
// every connection is stalled still receives the credit that gets them going again.

#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/mux/multiplexer.h"

namespace client {

inline constexpr uint32_t kPoolBlockSize = 32 * 1024;
inline constexpr uint16_t kPoolBlocks = 4096;  // 128 MiB of addresses; touched only when needed.

// Connections at once through one forward; more wait in the kernel's queue.
inline constexpr size_t kForwardConnectionsMax = 512;
// Forwards of one command: each has a session and a link of its own.
inline constexpr size_t kForwardsMax = 16;

inline constexpr size_t kPoolBytes = size_t{kPoolBlockSize} * kPoolBlocks;

// ForwardLinkOptions is the share of one link when `forwards` of them run.
// Requires: 1 <= forwards <= kForwardsMax.
inline engine::MultiplexerOptions ForwardLinkOptions(size_t forwards) {
  engine::MultiplexerOptions options;
  // More than ConnectionsMax: a listener accepts a few more before it pauses.
  options.streams_max = static_cast<uint32_t>(kForwardConnectionsMax / forwards + 128);
  options.output_bytes_per_stream_max = 64 * 1024;
  options.window_bytes_sum_max = kPoolBytes / 4 / forwards;
  return options;
}

// ConnectionsMax is how many connections each of `forwards` forwards may have.
inline size_t ConnectionsMax(size_t forwards) { return kForwardConnectionsMax / forwards; }

// A connection holds its queue, and one block that was received but not taken yet.
static_assert(kForwardConnectionsMax * (64 * 1024 + kPoolBlockSize) + kPoolBytes / 4 <
              kPoolBytes * 3 / 4);

// ProcessLinkOptions is for a shell or a command: one stream has everything.
inline engine::MultiplexerOptions ProcessLinkOptions() {
  engine::MultiplexerOptions options;
  options.streams_max = 16;
  options.window_bytes_sum_max = kPoolBytes / 4;
  return options;
}

}  // namespace client
