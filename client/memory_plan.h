// How a loop's pool of blocks is shared out, so that no holder can starve another: a forward whose
// every connection is stalled still receives the credit that gets them going again.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "engine/mux/multiplexer.h"
#include "engine/mux/window_reserve.h"

namespace client {

inline constexpr uint32_t kPoolBlockSize = 32 * 1024;
inline constexpr uint16_t kPoolBlocks = 10240;  // 320 MiB of addresses, touched only when needed.

// Connections at once through one forward; more wait in the kernel's queue.
inline constexpr size_t kForwardConnectionsMax = 512;
// Forwards of one command: each has a session of its own, with one link or more.
inline constexpr size_t kForwardsMax = 16;

// What all links together may have received and not passed on, and by how much that may grow where
// the way is long and fast (`engine/mux/window_reserve.h`).
inline constexpr uint64_t kWindowsMax = 32 * 1024 * 1024;
inline constexpr uint64_t kWindowsReserve = 64 * 1024 * 1024;
inline constexpr uint64_t kWindowsReserveParts = 2;

inline constexpr size_t kPoolBytes = size_t{kPoolBlockSize} * kPoolBlocks;

// KeptBytes is how much each of `links` links may keep of what it sent, so that it can resume; of
// very many none can.
inline constexpr size_t kKeptMax = 64 * 1024 * 1024;
inline constexpr size_t KeptBytes(size_t links) {
  const size_t share = kKeptMax / links;
  return share < engine::kResumeBytesMin ? 0 : share;
}

// ForwardLinkOptions is the share of one link when `forwards` run, of at most `lanes` links each. A
// lane that has no place left for a stream refuses it, and another lane takes it.
// `reserve`, if any, outlives the links.
// Requires: 1 <= forwards <= kForwardsMax, 1 <= lanes <= engine::kLanesMax.
inline engine::MultiplexerOptions ForwardLinkOptions(size_t forwards, size_t lanes,
                                                     engine::WindowReserve* reserve = nullptr) {
  engine::MultiplexerOptions options;
  const size_t connections = kForwardConnectionsMax / forwards;
  // More than ConnectionsMax: a listener accepts a few more before it pauses. Where bulk is on one
  // lane, all else is on the other one; of many lanes any half holds all.
  options.streams_max =
      static_cast<uint32_t>(lanes <= 2 ? connections + 128 : 2 * connections / lanes + 64);
  options.output_bytes_per_stream_max = 64 * 1024;
  options.window_bytes_sum_max = kWindowsMax / forwards / lanes;
  options.window_reserve = reserve;
  options.window_bytes_min = std::min(options.window_bytes_min, options.window_bytes_sum_max);
  options.resume_bytes_max = KeptBytes(forwards * lanes);
  return options;
}

// ConnectionsMax is how many connections each of `forwards` forwards may have.
inline size_t ConnectionsMax(size_t forwards) { return kForwardConnectionsMax / forwards; }

// A connection holds its queue, and one block that was received but not taken yet.
static_assert(kForwardConnectionsMax * (64 * 1024 + kPoolBlockSize) + kWindowsMax +
                  kWindowsReserve + kKeptMax <
              kPoolBytes * 3 / 4);

// ProcessLinkOptions is for a shell, a command or a proxy: one stream has everything.
inline engine::MultiplexerOptions ProcessLinkOptions() {
  engine::MultiplexerOptions options;
  options.streams_max = 16;
  options.window_bytes_sum_max = kWindowsMax + kWindowsReserve;
  options.resume_bytes_max = KeptBytes(1);
  return options;
}

}  // namespace client
