// Goal: every maximum of MultiplexerOptions holds, and what happens at it is what is promised.
// Method: push each one to its end and one step further; count memory where it could grow.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "engine/mux/multiplexer.h"
#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

const std::string kHello = FrameText(FrameType::kControl, 0, 0, R"({"type":"hello"})");

TEST(MultiplexerLimits, OpensBeyondTheMaximumAreRefusedOnBothSides) {
  MuxPair pair({.streams_max = 3});
  pair.node.on_open = [](StreamId) {};  // Never answered: they count.
  FakeStream late;
  for (int i = 0; i < 3; ++i) pair.client.Open();
  EXPECT_EQ(pair.client.mux.Open(Priority::kBulk, AsBytes("{}"), late), kLinkStream);
  pair.Pump();
  pair.node.Receive(FrameText(FrameType::kOpen, 0, 7, Big64(0) + "{}"));
  const std::vector<ParsedFrame> frames = FramesOf(pair.node.Gathered());
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].header.type, FrameType::kReject);
  EXPECT_EQ(frames[0].payload.substr(0, 2), Big16(static_cast<uint16_t>(CloseCode::kTooMany)));
  EXPECT_FALSE(pair.node.is_failed);
}

TEST(MultiplexerLimits, WindowsOfAllStreamsTogetherStayBelowTheirMaximum) {
  constexpr MultiplexerOptions kOptions{
      .streams_max = 64, .window_bytes_min = 256 * 1024, .window_bytes_sum_max = 4 * 1024 * 1024};
  MuxPair pair(kOptions);
  for (int i = 0; i < 64; ++i) pair.client.Open();
  pair.Pump();
  EXPECT_EQ(pair.node.mux.stream_count(), 64u);  // The last ones have less, but all have some.
  EXPECT_LE(pair.node.mux.window_bytes_sum(), kOptions.window_bytes_sum_max);
  for (const auto& [id, stream] : pair.client.streams) {
    stream->consumes = false;
    pair.node.streams.at(id)->consumes = false;
    pair.client.Write(id, std::string(256 * 1024, 'x'));
  }
  pair.Pump();
  size_t held = 0;
  for (const auto& [id, stream] : pair.node.streams) {
    EXPECT_GE(stream->unconsumed, kWindowBytesFloor);
    held += stream->unconsumed;
  }
  EXPECT_LE(held, kOptions.window_bytes_sum_max);
  EXPECT_GT(held, kOptions.window_bytes_sum_max * 9 / 10);
}

TEST(MultiplexerLimits, AStreamWithoutAnyWindowLeftIsRefused) {
  MuxPair pair({.streams_max = 64,
                .window_bytes_min = kWindowBytesFloor,
                .window_bytes_max = kWindowBytesFloor,
                .window_bytes_sum_max = 2 * kWindowBytesFloor});
  FakeStream late;
  pair.client.Open();
  pair.client.Open();
  EXPECT_EQ(pair.client.mux.Open(Priority::kBulk, AsBytes("{}"), late), kLinkStream);
  pair.Pump();
  pair.node.Receive(FrameText(FrameType::kOpen, 0, 5, Big64(0) + "{}"));
  EXPECT_THAT(FramesOf(pair.node.Gathered()), SizeIs(1));
  pair.client.mux.Reset(StreamId{1}, CloseCode::kNormal);
  EXPECT_NE(pair.client.Open().id, kLinkStream);  // What was given back serves again.
}

TEST(MultiplexerLimits, ControlMessagesThatWaitHaveAMaximum) {
  MuxPair pair;
  FakeStream& stream = pair.client.Open();
  uint32_t count = 0;
  while (pair.client.mux.SendControl(stream.id, "{}")) ++count;
  EXPECT_EQ(count, kControlQueueMax);
  count = 0;
  while (pair.client.mux.SendControl(kLinkStream, "{}")) ++count;
  EXPECT_EQ(count, kControlQueueMax);
  pair.Pump();
  EXPECT_TRUE(pair.client.mux.SendControl(stream.id, "{}"));
  EXPECT_TRUE(pair.client.mux.SendControl(kLinkStream, "{}"));
}

TEST(MultiplexerLimits, AHundredThousandOpensCostBoundedMemory) {
  End end(Side::kAccepted, {.streams_max = 100});
  end.Say();
  end.Receive(kHello);
  end.on_open = [](StreamId) {};
  size_t rejects = 0;
  const auto flood = [&](uint32_t from, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      end.Receive(FrameText(FrameType::kOpen, 0, from + 2 * i, Big64(~0ull) + "{}"));
      if (i % 100 != 0) continue;
      for (const ParsedFrame& frame : FramesOf(end.Gathered()))
        rejects += frame.header.type == FrameType::kReject ? 1 : 0;
    }
    std::vector<std::string>().swap(end.requests);
    std::vector<Priority>().swap(end.priorities);
  };
  flood(1, 1'000);
  const size_t before = mallinfo2().uordblks;
  flood(2'001, 100'000);
  const size_t after = mallinfo2().uordblks;
  EXPECT_FALSE(end.is_failed);
  EXPECT_EQ(end.mux.stream_count(), 100u);
  EXPECT_GE(rejects, 100'000u);
  EXPECT_LE(after, before + 64 * 1024);
}

TEST(MultiplexerLimits, OpensThatAreResetAtOnceCostBoundedMemory) {
  MuxPair pair;
  const auto cycle = [&](int count) {
    for (int i = 0; i < count; ++i) {
      FakeStream& stream = pair.client.Open();
      pair.client.mux.Reset(stream.id, CloseCode::kNormal);
      pair.client.streams.clear();
      pair.Pump();
      pair.node.streams.clear();
    }
    std::vector<std::string>().swap(pair.node.requests);
    std::vector<Priority>().swap(pair.node.priorities);
  };
  cycle(100);
  const size_t before = mallinfo2().uordblks;
  cycle(10'000);
  EXPECT_LE(mallinfo2().uordblks, before + 64 * 1024);
  EXPECT_EQ(pair.node.mux.stream_count(), 0u);
  EXPECT_FALSE(pair.node.is_failed);
}

TEST(MultiplexerLimits, APeerThatDoesNotReadItsRejectionsLosesTheLink) {
  End end(Side::kAccepted, {.streams_max = 1});
  end.Say();
  end.Receive(kHello);
  uint32_t id = 1;
  while (!end.is_failed && id < 1'000'000) {
    end.Receive(FrameText(FrameType::kOpen, 0, id, Big64(0) + "{}"));
    id += 2;
  }
  ASSERT_TRUE(end.is_failed);
  EXPECT_EQ(end.code, CloseCode::kTooMany);
  EXPECT_THAT(end.text, HasSubstr("does not read"));
  EXPECT_THAT(FramesOf(end.Gathered()), SizeIs(1));  // The goaway, and nothing of the flood.
}

TEST(MultiplexerLimits, APeerThatPingsWithoutReadingLosesTheLink) {
  End end(Side::kAccepted, {});
  end.Say();
  end.Receive(kHello);
  for (int i = 0; i < 1'000'000 && !end.is_failed; ++i)
    end.Receive(FrameText(FrameType::kPing, 0, 0, Big64(1)));
  ASSERT_TRUE(end.is_failed);
  EXPECT_EQ(end.code, CloseCode::kTooMany);
}

TEST(MultiplexerLimits, ResetsThatThePeerDoesNotReadFailTheLinkLater) {
  // The owner resets inside and outside of events; the failure waits for an event.
  End end(Side::kAccepted, {.streams_max = 1});
  end.Say();
  end.Receive(kHello);
  uint32_t id = 1;
  for (; id < 1'000'000 && !end.is_failed; id += 2) {
    end.Receive(FrameText(FrameType::kOpen, 0, id, Big64(0) + "{}"));
    end.mux.Reset(StreamId{id}, CloseCode::kInternal, "no");
  }
  EXPECT_TRUE(end.is_failed);
  EXPECT_EQ(end.code, CloseCode::kTooMany);
}

TEST(MultiplexerLimits, AnOwnerThatOpensWithoutAReadingPeerIsStopped) {
  End end(Side::kConnected, {});
  end.Say();
  FakeStream stream;
  stream.mux = &end.mux;
  int count = 0;
  for (;; ++count) {
    const StreamId id = end.mux.Open(Priority::kBulk, AsBytes(std::string(1'000, '{')), stream);
    if (id == kLinkStream) break;
    end.mux.Reset(id, CloseCode::kNormal);
    ASSERT_LT(count, 10'000);
  }
  EXPECT_FALSE(end.is_failed);
  EXPECT_GT(count, 50);
}

TEST(MultiplexerLimits, TheDataPathDoesNotAllocateOnceItIsWarm) {
  MuxPair pair;
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  FakeStream& reader = *pair.node.streams.at(stream.id);
  std::array<ByteView, kRecordSlicesMax> slices;
  size_t allocated = 0;
  for (int i = 0; i < 1'000; ++i) {
    const BufferRef source = pair.client.pool.Take();
    const size_t before = mallinfo2().uordblks;
    ASSERT_EQ(pair.client.mux.Write(stream.id, Channel::kMain, source.Share(0, 16'000)), 16'000u);
    ASSERT_EQ(pair.client.mux.Write(stream.id, Channel::kMain, source.Share(0, 64)), 64u);
    ASSERT_EQ(pair.client.mux.Write(stream.id, Channel::kMain, source.Share(64, 64)), 64u);
    allocated += mallinfo2().uordblks - before;
    while (const size_t count = pair.client.mux.GatherRecord(slices, pair.now)) {
      const BufferRef block = pair.node.pool.Take();
      size_t size = 0;
      for (size_t k = 0; k < count; ++k) {
        std::copy(slices[k].begin(), slices[k].end(), block.bytes().data() + size);
        size += slices[k].size();
      }
      const size_t before_taken = mallinfo2().uordblks;
      pair.client.mux.RecordTaken();
      allocated += mallinfo2().uordblks - before_taken;
      reader.main.clear();
      pair.node.mux.Receive(block.Share(0, size), pair.now);
    }
    for (const std::string& record : pair.node.Gathered()) pair.client.Receive(record);
    if (i == 10) allocated = 0;
  }
  EXPECT_EQ(allocated, 0u);
}

}  // namespace
}  // namespace engine
