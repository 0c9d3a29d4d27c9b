// Two channels joined by memory: what one has for output is given to the other in chunks.

#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "engine/buffer/buffer_pool.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "gtest/gtest.h"
#include "tests/support/tls_credentials.h"

namespace engine::test {

using Outcome = TlsChannel::Outcome;

inline constexpr uint32_t kTestBlockSize = 32 * 1024;

// TlsEnd is one side: its pool, its channel, and the plaintext that came.
struct TlsEnd {
  explicit TlsEnd(const TlsContext& context, std::string_view host = {}, uint16_t blocks = 64,
                  uint32_t block_size = kTestBlockSize)
      : pool(blocks, block_size), channel(context, pool, host) {}

  // Pump reads all that can be read and returns the outcome that ended it.
  Outcome Pump() {
    for (;;) {
      BufferRef plaintext;
      last = channel.Read(plaintext);
      if (last != Outcome::kOk) return last;
      EXPECT_GT(plaintext.size(), 0u);
      EXPECT_LE(plaintext.size(), kTlsRecordPlaintextMax);
      received += AsText(plaintext.bytes());
      ++slices;
    }
  }

  // Give hands bytes to the channel as a socket would, in a block of the pool.
  void Give(ByteView bytes) {
    BufferRef block = pool.Take();
    ASSERT_FALSE(block.empty());
    ASSERT_LE(bytes.size(), block.size());
    std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
    BufferRef slice = block.Share(0, bytes.size());
    ASSERT_TRUE(channel.Receive(std::move(slice)));
  }

  BufferPool pool;
  TlsChannel channel;
  std::string received;
  size_t slices = 0;
  Outcome last = Outcome::kNeedMore;
};

// Carry moves all of `from`'s output to `to`, `chunk` bytes at a time, and lets `to` read after
// each. It returns how many bytes were moved.
inline size_t Carry(TlsEnd& from, TlsEnd& to, size_t chunk = kTestBlockSize) {
  size_t moved = 0;
  while (from.channel.output_size() > 0) {
    ByteView slice;
    EXPECT_EQ(from.channel.Output({&slice, 1}), 1u);
    slice = slice.first(std::min({slice.size(), chunk, size_t{to.pool.block_size()}}));
    to.Give(slice);
    from.channel.OutputSent(slice.size());
    moved += slice.size();
    to.Pump();
  }
  return moved;
}

// Shake runs both sides until neither has anything to say.
inline void Shake(TlsEnd& client, TlsEnd& server, size_t chunk = kTestBlockSize) {
  client.Pump();
  while (Carry(client, server, chunk) + Carry(server, client, chunk) > 0) {
  }
}

}  // namespace engine::test
