// Goal: two multiplexers hear each other through a link in memory as over a connection. Method:
// real ones, and a pool that runs dry.

#include "relay/gateway/local_link.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/mux/mux_pair.h"

namespace relay {
namespace {

using engine::BufferPool;
using engine::BufferRef;
using engine::End;
using engine::FakeStream;
using engine::Instant;
using engine::Side;

struct LinkedPair {
  explicit LinkedPair(uint16_t blocks = 64)
      : pool(blocks, 32 * 1024), link(pool, [this] { ++wakes; }) {
    near_end.mux.Attach(link.near_carrier());
    far_end.mux.Attach(link.far_carrier());
    link.Join(near_end.mux, far_end.mux);
    near_end.Say();
    far_end.Say();
  }

  Instant now{std::chrono::seconds(1)};
  BufferPool pool;
  int wakes = 0;
  LocalLink link;
  End near_end{Side::kConnected, {}};
  End far_end{Side::kAccepted, {}};
};

TEST(LocalLink, CarriesBytesBothWays) {
  LinkedPair pair;
  FakeStream& stream = pair.near_end.Open();
  EXPECT_TRUE(pair.link.Run(pair.now));
  FakeStream& other = *pair.far_end.streams.begin()->second;
  pair.near_end.Write(stream.id, "question");
  EXPECT_GT(pair.wakes, 0);
  EXPECT_TRUE(pair.link.Run(pair.now));
  pair.far_end.Write(other.id, "answer");
  EXPECT_TRUE(pair.link.Run(pair.now));
  EXPECT_EQ(other.main, "question");
  EXPECT_EQ(stream.main, "answer");
  EXPECT_EQ(pair.pool.free_count(), pair.pool.block_count());
}

TEST(LocalLink, GoesOnWhenThePoolHasBlocksAgain) {
  LinkedPair pair;
  FakeStream& stream = pair.near_end.Open();
  EXPECT_TRUE(pair.link.Run(pair.now));
  FakeStream& other = *pair.far_end.streams.begin()->second;
  std::vector<BufferRef> taken;
  while (pair.pool.free_count() > 0) taken.push_back(pair.pool.Take());
  pair.near_end.Write(stream.id, "late");
  EXPECT_FALSE(pair.link.Run(pair.now));
  EXPECT_EQ(other.main, "");
  taken.clear();
  EXPECT_TRUE(pair.link.Run(pair.now));
  EXPECT_EQ(other.main, "late");
}

TEST(LocalLink, IsClosedWhenTheLastWordWasHeard) {
  LinkedPair pair;
  EXPECT_TRUE(pair.link.Run(pair.now));
  EXPECT_FALSE(pair.link.closed());
  pair.far_end.mux.Goaway(engine::CloseCode::kSessionEnded, "terminated");
  pair.link.far_carrier().CloseAfterOutput();
  EXPECT_TRUE(pair.link.Run(pair.now));
  EXPECT_TRUE(pair.link.closed());
  EXPECT_EQ(pair.near_end.text, "terminated");
  EXPECT_EQ(pair.link.NextDeadline(), Instant::max());
}

}  // namespace
}  // namespace relay
