// Goal: every promise of multiplexer.h, one test each.
// Method: two multiplexers joined in memory, and looks at the frames between them.

#include "engine/mux/multiplexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

using testing::ElementsAre;

TEST(Multiplexer, CarriesAStreamBothWaysFromOpenToClose) {
  MuxPair pair;
  FakeStream& ours = pair.client.Open(Priority::kInteractive, R"({"type":"shell"})");
  EXPECT_EQ(pair.client.Write(ours.id, "hello"), 5u);
  pair.Pump();
  EXPECT_TRUE(ours.is_accepted);
  EXPECT_THAT(pair.node.requests, ElementsAre(R"({"type":"shell"})"));
  EXPECT_THAT(pair.node.priorities, ElementsAre(Priority::kInteractive));
  FakeStream& theirs = *pair.node.streams.at(ours.id);
  EXPECT_EQ(theirs.main, "hello");

  pair.client.mux.Finish(ours.id);
  pair.Pump();
  EXPECT_TRUE(theirs.is_finished);
  EXPECT_FALSE(theirs.is_closed);

  EXPECT_EQ(pair.node.Write(theirs.id, "out"), 3u);
  EXPECT_EQ(pair.node.Write(theirs.id, "err", Channel::kStderr), 3u);
  EXPECT_TRUE(pair.node.mux.SendControl(theirs.id, R"({"type":"exit"})"));
  pair.node.mux.Finish(theirs.id);
  pair.Pump();
  EXPECT_EQ(ours.main, "out");
  EXPECT_EQ(ours.standard_error, "err");
  EXPECT_THAT(ours.controls, ElementsAre(R"({"type":"exit"})"));
  EXPECT_TRUE(ours.is_finished);
  EXPECT_TRUE(ours.is_closed);
  EXPECT_TRUE(theirs.is_closed);
  EXPECT_EQ(ours.code, CloseCode::kNormal);
  EXPECT_EQ(pair.client.mux.stream_count(), 0u);
  EXPECT_EQ(pair.node.mux.stream_count(), 0u);
  EXPECT_EQ(pair.client.mux.sent_bytes(), 5u);
  EXPECT_EQ(pair.client.mux.received_bytes(), 6u);
}

}  // namespace
}  // namespace engine
