// Goal: data goes with its open where both ends take it, up to its maximum, and nothing else does.
// Method: two multiplexers joined in memory; one multiplexer and hand-made frames.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/mux/multiplexer.h"
#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// EarlyPair agrees on early data, and its node answers opens when told.
struct EarlyPair : MuxPair {
  EarlyPair() {
    client.mux.PeerTakesEarly();
    node.mux.PeerTakesEarly();
    node.on_open = [](StreamId) {};
  }
};

TEST(EarlyData, DataGoesWithItsOpen) {
  EarlyPair pair;
  FakeStream& ours = pair.client.Open();
  EXPECT_EQ(pair.client.Write(ours.id, "hello"), 5u);
  const std::vector<std::string> records = pair.client.Gathered();
  EXPECT_THAT(records, SizeIs(1));
  const std::vector<ParsedFrame> frames = FramesOf(records);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0].header.type, FrameType::kOpen);
  EXPECT_EQ(frames[1].header.type, FrameType::kData);
  pair.node.Receive(records[0]);

  // More may follow; the end waits.
  EXPECT_EQ(pair.client.Write(ours.id, ", world"), 7u);
  pair.client.mux.Finish(ours.id);
  const std::vector<std::string> more = pair.client.Gathered();
  ASSERT_THAT(FramesOf(more), SizeIs(1));
  pair.node.Receive(more[0], {}, /*chunk_max=*/1);

  FakeStream theirs;
  theirs.mux = &pair.node.mux;
  theirs.id = ours.id;
  EXPECT_TRUE(pair.node.mux.Accept(ours.id, theirs));
  EXPECT_EQ(theirs.main, "hello, world");
  EXPECT_FALSE(theirs.is_finished);
  pair.Pump();
  EXPECT_TRUE(ours.is_accepted);
  EXPECT_TRUE(theirs.is_finished);
  EXPECT_EQ(pair.client.mux.sent_bytes(), 12u);
}

TEST(EarlyData, EarlyDataInPiecesWithoutMemoryRejectsItsStreamAlone) {
  EarlyPair pair;
  FakeStream& ours = pair.client.Open();
  FakeStream& other = pair.client.Open();
  pair.client.Write(ours.id, "hello");
  const std::vector<std::string> records = pair.client.Gathered();
  std::vector<BufferRef> all;
  while (pair.node.pool.free_count() > 4) all.push_back(pair.node.pool.Take());
  pair.node.Receive(records[0].substr(0, records[0].size() - 3));
  while (pair.node.pool.free_count() > 1) all.push_back(pair.node.pool.Take());
  pair.node.Receive(records[0].substr(records[0].size() - 3));
  all.clear();
  pair.Pump();
  EXPECT_TRUE(ours.is_rejected);
  EXPECT_EQ(ours.code, CloseCode::kTooMany);
  EXPECT_FALSE(other.is_rejected);
  EXPECT_FALSE(pair.node.is_failed);
}

TEST(EarlyData, EarlyDataIsAtMostAFrame) {
  EarlyPair pair;
  FakeStream& ours = pair.client.Open();
  EXPECT_EQ(pair.client.Write(ours.id, std::string(40'000, 'x')), 40'000u);
  size_t early = 0;
  for (const ParsedFrame& frame : FramesOf(pair.client.Gathered())) {
    if (frame.header.type == FrameType::kData) early += frame.payload.size();
  }
  EXPECT_EQ(early, kEarlyDataMax);
}

TEST(EarlyData, EarlyDataOfARejectedOpenIsDropped) {
  EarlyPair pair;
  FakeStream& ours = pair.client.Open();
  pair.client.Write(ours.id, "hello");
  pair.Pump();
  EXPECT_LT(pair.node.pool.free_count(), pair.node.pool.block_count());
  pair.node.mux.Reject(ours.id, CloseCode::kConnectionRefused, "nobody listens");
  pair.Pump();
  EXPECT_TRUE(ours.is_rejected);
  EXPECT_EQ(pair.node.pool.free_count(), pair.node.pool.block_count());
  EXPECT_EQ(pair.client.pool.free_count(), pair.client.pool.block_count());
}

TEST(EarlyData, StandardErrorIsNeverEarly) {
  EarlyPair pair;
  FakeStream& ours = pair.client.Open();
  pair.client.Write(ours.id, "oops", Channel::kStderr);
  EXPECT_THAT(FramesOf(pair.client.Gathered()), SizeIs(1));
}

const std::string kHello = FrameText(FrameType::kControl, 0, 0, R"({"type":"hello"})");

std::string Open(uint32_t id) { return FrameText(FrameType::kOpen, 0, id, Big64(1'000) + "{}"); }
std::string Data(uint32_t id, std::string_view payload) {
  return FrameText(FrameType::kData, 0, id, payload);
}

// EarlyErrorTest has an accepted end that takes early data, and stream 1, which it has not
// answered.
class EarlyErrorTest : public testing::Test {
 protected:
  EarlyErrorTest() : end_(Side::kAccepted, {.window_bytes_min = 32 * 1024}) {
    end_.on_open = [](StreamId) {};
    end_.Say();
    end_.mux.PeerTakesEarly();
    end_.Receive(kHello + Open(1) + Data(1, "early"));
    EXPECT_FALSE(end_.is_failed);
  }
  void ExpectProtocolError(const std::string& bytes, const std::string& text) {
    end_.Receive(bytes);
    EXPECT_TRUE(end_.is_failed);
    EXPECT_EQ(end_.code, CloseCode::kProtocolError);
    EXPECT_THAT(end_.text, HasSubstr(text));
    EXPECT_EQ(end_.pool.free_count(), end_.pool.block_count());
  }
  End end_;
};

TEST_F(EarlyErrorTest, MoreThanAFrame) {
  ExpectProtocolError(Data(1, std::string(kFramePayloadMax - 4, 'x')),
                      "data before the stream's accept");
}
TEST_F(EarlyErrorTest, AFinish) {
  ExpectProtocolError(FrameText(FrameType::kFinish, 0, 1, Big64(5)),
                      "finish before the stream's accept");
}
TEST_F(EarlyErrorTest, StandardError) {
  ExpectProtocolError(Open(3) + FrameText(FrameType::kData, kFlagStderr, 3, "x"),
                      "data before the stream's accept");
}
TEST_F(EarlyErrorTest, OfTheSideThatAnswers) {
  end_.Open();
  ExpectProtocolError(Data(2, "x"), "data before the stream's accept");
}
TEST_F(EarlyErrorTest, AnAcceptBelowIt) {
  const FakeStream& ours = end_.Open();
  end_.Write(ours.id, "hello");
  end_.Gathered();
  ExpectProtocolError(FrameText(FrameType::kAccept, 0, 2, Big64(4)), "less than what it took");
}

}  // namespace
}  // namespace engine
