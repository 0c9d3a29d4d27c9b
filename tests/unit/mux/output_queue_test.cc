// Goal: what is sent next is what output_queue.h promises, record by record.
// Method: streams with hand-made queues, and looks at the frames of each record.

#include "engine/mux/output_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

class OutputQueueTest : public testing::Test, protected OutputQueue::Events {
 protected:
  struct Dropping {
    OutputQueue& queue;
    StreamOutput& stream;
    ~Dropping() { queue.Drop(stream); }
  };

  void OnOutputTaken(StreamOutput& stream) override { taken_.push_back(stream.id()); }
  Credit GatherCredit(StreamOutput& stream) override {
    return {.received = static_cast<uint32_t>(stream.id()), .limit = 1'000};
  }

  BufferRef Block(size_t size, char fill = 'x') {
    const BufferRef block = pool_.Take();
    std::fill_n(block.bytes().begin(), size, static_cast<std::byte>(fill));
    return block.Share(0, size);
  }
  void Push(StreamOutput& stream, size_t size, char fill = 'x') {
    ASSERT_TRUE(queue_.PushData(stream, 0, Block(size, fill)));
    queue_.VerifyStream(stream);
  }

  // Record gathers and takes one record.
  std::string Record() {
    std::array<ByteView, kRecordSlicesMax> slices;
    slice_count_ = queue_.Gather(slices);
    std::string bytes;
    for (size_t i = 0; i < slice_count_; ++i) bytes += AsText(slices[i]);
    if (slice_count_ > 0) queue_.Taken();
    return bytes;
  }
  // Streams are the ids of the frames in the next record.
  std::vector<uint32_t> Streams() {
    std::vector<uint32_t> ids;
    for (const ParsedFrame& frame : FramesOf(Record()))
      ids.push_back(static_cast<uint32_t>(frame.header.stream));
    return ids;
  }

  BufferPool pool_{512, 16 * 1024};
  OutputQueue queue_{{}, pool_, *this};
  std::vector<StreamId> taken_;
  size_t slice_count_ = 0;
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(OutputQueueTest, SaysNothingWhenThereIsNothing) {
  EXPECT_FALSE(queue_.HasOutput());
  EXPECT_EQ(Record(), "");
}

TEST_F(OutputQueueTest, ALargePayloadTravelsAloneAndUncopied) {
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue_, a};
  EXPECT_TRUE(queue_.Open(a, kUnlimited));
  BufferRef payload = Block(16'376);
  const std::byte* address = payload.bytes().data();
  ASSERT_TRUE(queue_.PushData(a, 0, std::move(payload)));
  Push(a, 10);
  std::array<ByteView, kRecordSlicesMax> slices;
  ASSERT_EQ(queue_.Gather(slices), 2u);
  EXPECT_EQ(slices[0].size(), kFrameHeaderSize);
  EXPECT_EQ(slices[1].data(), address);
  EXPECT_EQ(slices[1].size(), 16'376u);
  queue_.Taken();
  EXPECT_THAT(taken_, ElementsAre(StreamId{1}));
  EXPECT_EQ(Record().size(), 18u);
}

TEST_F(OutputQueueTest, SmallFramesShareARecord) {
  StreamOutput a(StreamId{1}, Priority::kInteractive);
  StreamOutput b(StreamId{3}, Priority::kBulk);
  const Dropping dropping_a{queue_, a};
  const Dropping dropping_b{queue_, b};
  EXPECT_TRUE(queue_.Open(a, kUnlimited));
  EXPECT_TRUE(queue_.Open(b, kUnlimited));
  Push(b, 2'048);
  Push(a, 1);
  queue_.CreditDue(b);
  queue_.CreditDue(b);  // Twice is once.
  ASSERT_TRUE(queue_.PushLink(FrameType::kPing, 0, kLinkStream, {AsBytes("12345678")}));
  EXPECT_THAT(Streams(), ElementsAre(0, 3, 1, 3));
  EXPECT_LE(slice_count_, 4u);
  EXPECT_FALSE(queue_.HasOutput());
}

TEST_F(OutputQueueTest, AKeystrokeWaitsBehindAtMostOneRecord) {
  StreamOutput key(StreamId{1}, Priority::kInteractive);
  StreamOutput bulk(StreamId{3}, Priority::kBulk);
  const Dropping dropping_key{queue_, key};
  const Dropping dropping_bulk{queue_, bulk};
  EXPECT_TRUE(queue_.Open(key, kUnlimited));
  EXPECT_TRUE(queue_.Open(bulk, kUnlimited));
  for (int i = 0; i < 16; ++i) Push(bulk, 16'376);
  EXPECT_THAT(Streams(), ElementsAre(3));
  Push(key, 1);
  EXPECT_THAT(Streams(), ElementsAre(1));
  EXPECT_THAT(Streams(), ElementsAre(3));
}

TEST_F(OutputQueueTest, InteractiveStreamsTakeTurns) {
  StreamOutput a(StreamId{1}, Priority::kInteractive);
  StreamOutput b(StreamId{3}, Priority::kInteractive);
  const Dropping dropping_a{queue_, a};
  const Dropping dropping_b{queue_, b};
  EXPECT_TRUE(queue_.Open(a, kUnlimited));
  EXPECT_TRUE(queue_.Open(b, kUnlimited));
  for (int i = 0; i < 3; ++i) {
    Push(a, 10'000);
    Push(b, 10'000);
  }
  std::vector<uint32_t> order;
  for (int i = 0; i < 4; ++i) {
    for (uint32_t id : Streams()) order.push_back(id);
  }
  EXPECT_THAT(order, ElementsAre(1, 3, 1, 3));
}

TEST_F(OutputQueueTest, BulkStreamsShareByBytesNotByFrames) {
  StreamOutput large(StreamId{1}, Priority::kBulk);
  StreamOutput small(StreamId{3}, Priority::kBulk);
  const Dropping dropping_large{queue_, large};
  const Dropping dropping_small{queue_, small};
  EXPECT_TRUE(queue_.Open(large, kUnlimited));
  EXPECT_TRUE(queue_.Open(small, kUnlimited));
  // Control messages of one size cannot be joined: they are frames of 1,008 bytes each.
  const std::string message(1'000, 'm');
  size_t bytes[2] = {};
  for (int record = 0; record < 400; ++record) {
    while (large.queued_bytes() < 64 * 1024) Push(large, 16'376);
    while (queue_.PushControl(small, AsBytes(message))) {
    }
    for (const ParsedFrame& frame : FramesOf(Record()))
      bytes[frame.header.stream == StreamId{3}] += kFrameHeaderSize + frame.payload.size();
  }
  const double ratio = static_cast<double>(bytes[0]) / static_cast<double>(bytes[1]);
  EXPECT_GT(ratio, 0.9);
  EXPECT_LT(ratio, 1.1);
}

TEST_F(OutputQueueTest, AnInteractiveStreamThatFloodsDoesNotStarveBulk) {
  StreamOutput flood(StreamId{1}, Priority::kInteractive);
  StreamOutput bulk(StreamId{3}, Priority::kBulk);
  const Dropping dropping_flood{queue_, flood};
  const Dropping dropping_bulk{queue_, bulk};
  EXPECT_TRUE(queue_.Open(flood, kUnlimited));
  EXPECT_TRUE(queue_.Open(bulk, kUnlimited));
  size_t bytes[2] = {};
  for (int record = 0; record < 200; ++record) {
    while (flood.queued_bytes() < 64 * 1024) Push(flood, 16'376);
    while (bulk.queued_bytes() < 64 * 1024) Push(bulk, 16'376);
    for (const ParsedFrame& frame : FramesOf(Record()))
      bytes[frame.header.stream == StreamId{3}] += frame.payload.size();
  }
  EXPECT_GT(bytes[1], bytes[0] * 8 / 10);
  // Once it has run empty it is interactive again.
  while (!flood.is_drained()) Record();
  for (int i = 0; i < 8; ++i) Push(bulk, 16'376);
  Push(flood, 1);
  EXPECT_THAT(Streams(), ElementsAre(1));
}

TEST_F(OutputQueueTest, StaysWithinTheLimitAndGoesOnWithCredit) {
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue_, a};
  Push(a, 100);
  EXPECT_FALSE(queue_.HasOutput());  // Not open yet.
  EXPECT_TRUE(queue_.Open(a, 60));
  EXPECT_EQ(Record().size(), 68u);
  EXPECT_FALSE(queue_.HasOutput());
  EXPECT_EQ(queue_.UpdateCredit(a, {.received = 61, .limit = 70}),
            CreditError::kReceivedBeyondSent);
  EXPECT_EQ(queue_.UpdateCredit(a, {.received = 60, .limit = 70}), CreditError::kNone);
  EXPECT_EQ(Record().size(), 18u);
  EXPECT_EQ(a.queued_bytes(), 30u);
}

TEST_F(OutputQueueTest, ControlAndFinishKeepTheirPlaceAmongTheData) {
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue_, a};
  EXPECT_TRUE(queue_.Open(a, 4));
  Push(a, 4);
  ASSERT_TRUE(queue_.PushControl(a, AsBytes("{1}")));
  Push(a, 3);
  queue_.PushFinish(a);
  ASSERT_TRUE(queue_.PushControl(a, AsBytes("{2}")));
  std::vector<ParsedFrame> frames = FramesOf(Record());
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].payload.size(), 4u);
  EXPECT_EQ(frames[1].payload, "{1}");
  EXPECT_EQ(queue_.UpdateCredit(a, {.received = 4, .limit = 100}), CreditError::kNone);
  frames = FramesOf(Record());
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].payload.size(), 3u);
  EXPECT_EQ(frames[1].header.type, FrameType::kFinish);
  EXPECT_EQ(frames[1].payload, Big64(7));
  EXPECT_EQ(frames[2].payload, "{2}");
  EXPECT_TRUE(a.is_drained());
}

TEST_F(OutputQueueTest, FillsFramesFromChunksOfAnySize) {
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue_, a};
  EXPECT_TRUE(queue_.Open(a, kUnlimited));
  for (int i = 0; i < 4; ++i) Push(a, 16'384);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Record().size(), kRecordSizeMax);
  EXPECT_EQ(Record().size(), kFrameHeaderSize + 4 * 16'384 - 4 * kFramePayloadMax);
}

TEST_F(OutputQueueTest, AForwarderKeepsChunksWhole) {
  OutputQueue queue({.chunks = OutputQueue::Chunks::kWhole}, pool_, *this);
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue, a};
  EXPECT_TRUE(queue.Open(a, kUnlimited));
  for (size_t size : {10'000u, 6'376u, 3'000u, 16'376u})
    ASSERT_TRUE(queue.PushData(a, 0, Block(size)));
  std::vector<size_t> sizes;
  std::array<ByteView, kRecordSlicesMax> slices;
  while (const size_t count = queue.Gather(slices)) {
    size_t size = 0;
    for (size_t i = 0; i < count; ++i) size += slices[i].size();
    sizes.push_back(size);
    queue.Taken();
  }
  EXPECT_THAT(sizes, ElementsAre(16'384, 3'008, 16'384));
}

TEST_F(OutputQueueTest, ChannelsAreNeverMixedInAFrame) {
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue_, a};
  EXPECT_TRUE(queue_.Open(a, kUnlimited));
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(queue_.PushData(a, i % 2 == 0 ? 0 : kFlagStderr, Block(5, i % 2 == 0 ? 'o' : 'e')));
  const std::vector<ParsedFrame> frames = FramesOf(Record());
  ASSERT_EQ(frames.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(frames[i].header.flags, i % 2);
    EXPECT_EQ(frames[i].payload, i % 2 == 0 ? "ooooo" : "eeeee");
  }
}

TEST_F(OutputQueueTest, SmallPayloadsThatWaitShareABlock) {
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue_, a};
  std::string expected;
  for (int i = 0; i < 1'000; ++i) {
    const char fill = static_cast<char>('a' + i % 26);
    Push(a, 10, fill);
    expected.append(10, fill);
  }
  EXPECT_LE(pool_.block_count() - pool_.free_count(), 2);
  EXPECT_TRUE(queue_.Open(a, kUnlimited));
  std::string sent;
  while (queue_.HasOutput()) {
    for (const ParsedFrame& frame : FramesOf(Record())) sent += frame.payload;
    queue_.VerifyStream(a);
  }
  EXPECT_EQ(sent, expected);
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
}

TEST_F(OutputQueueTest, PiecesAndMessagesHaveAMaximum) {
  BufferPool tiny(4, 16 * 1024);
  OutputQueue queue({.data_items_max = 3, .control_messages_max = 2}, tiny, *this);
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue, a};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.PushData(a, 0, Block(4'096)));
  EXPECT_FALSE(queue.PushData(a, 0, Block(4'096)));
  EXPECT_FALSE(queue.PushData(a, 0, Block(10)));
  EXPECT_EQ(a.queued_bytes(), 3u * 4'096);
  EXPECT_TRUE(queue.PushControl(a, AsBytes("{}")));
  EXPECT_TRUE(queue.PushControl(a, AsBytes("{}")));
  EXPECT_FALSE(queue.PushControl(a, AsBytes("{}")));
}

TEST_F(OutputQueueTest, MessagesHaveAMaximumInBytesToo) {
  OutputQueue queue({.control_bytes_max = 10'000}, pool_, *this);
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue, a};
  const std::string large(6'000, 'c');
  EXPECT_TRUE(queue.PushControl(a, AsBytes(large)));
  EXPECT_FALSE(queue.PushControl(a, AsBytes(large)));
  EXPECT_TRUE(queue.PushControl(a, AsBytes("{}")));
  EXPECT_EQ(a.control_bytes(), 6'002u);
}

TEST_F(OutputQueueTest, APoolThatHasRunDryStillTakesSmallPayloads) {
  BufferPool dry(1, 16 * 1024);
  OutputQueue queue({}, dry, *this);
  const BufferRef all = dry.Take();
  StreamOutput a(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue, a};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(queue.PushData(a, 0, Block(10)));
  EXPECT_EQ(a.queued_bytes(), 100u);
}

TEST_F(OutputQueueTest, LinkFramesHaveAMaximumAndLoseTheirTextFirst) {
  OutputQueue queue({.link_bytes_max = 1'000}, pool_, *this);
  const std::string text(90, 't');
  uint32_t count = 0;
  while (queue.PushClose(FrameType::kReset, StreamId{1}, CloseCode::kNormal, text)) ++count;
  // Six with 100 bytes reach beyond the half; the rest have 10.
  EXPECT_EQ(count, 6u + 40u);
  std::array<ByteView, kRecordSlicesMax> slices;
  EXPECT_EQ(queue.Gather(slices), 1u);
  EXPECT_EQ(slices[0].size(), 1'000u);
  queue.Taken();
  EXPECT_TRUE(queue.PushClose(FrameType::kReset, StreamId{1}, CloseCode::kNormal, text));
}

TEST_F(OutputQueueTest, LargeLinkFramesTravelAlone) {
  const std::string large(4'000, '{');
  ASSERT_TRUE(queue_.PushLink(FrameType::kPing, 0, kLinkStream, {AsBytes("12345678")}));
  ASSERT_TRUE(queue_.PushLink(FrameType::kControl, 0, kLinkStream, {AsBytes(large)}));
  ASSERT_TRUE(queue_.PushLink(FrameType::kPing, 0, kLinkStream, {AsBytes("12345678")}));
  EXPECT_EQ(Record().size(), 16u);
  EXPECT_EQ(Record().size(), 4'008u);
  EXPECT_EQ(Record().size(), 16u);
  EXPECT_EQ(Record(), "");
}

TEST_F(OutputQueueTest, ADroppedStreamLeavesNothingBehind) {
  StreamOutput a(StreamId{1}, Priority::kBulk);
  EXPECT_TRUE(queue_.Open(a, kUnlimited));
  Push(a, 10'000);
  Push(a, 10);
  Push(a, 10);
  queue_.CreditDue(a);
  queue_.Drop(a);
  EXPECT_FALSE(queue_.HasOutput());
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
}

TEST_F(OutputQueueTest, ARecordHasAtMostSixteenSlices) {
  std::vector<std::unique_ptr<StreamOutput>> streams;
  for (uint32_t id = 1; id < 60; id += 2) {
    streams.push_back(std::make_unique<StreamOutput>(StreamId{id}, Priority::kBulk));
    EXPECT_TRUE(queue_.Open(*streams.back(), kUnlimited));
    Push(*streams.back(), 300);
  }
  size_t frames = 0;
  while (queue_.HasOutput()) {
    frames += Streams().size();
    EXPECT_LE(slice_count_, kRecordSlicesMax);
  }
  EXPECT_EQ(frames, streams.size());
  for (auto& stream : streams) queue_.Drop(*stream);
}

// A forwarder's payloads may be sealed where they lie.
class WholeChunksTest : public OutputQueueTest {
 protected:
  // Takes says whether the next record's payload may be taken, and takes it.
  bool Takes(OutputQueue& queue) {
    std::array<ByteView, kRecordSlicesMax> slices;
    if (queue.Gather(slices) == 0) return false;
    BufferRef* payload = queue.GatheredPayload();
    if (payload != nullptr) {
      EXPECT_EQ(slices[0].size(), kFrameHeaderSize);
      EXPECT_EQ(slices[1].data(), payload->bytes().data());
      EXPECT_EQ(slices[1].size(), payload->size());
      *payload = {};
    }
    queue.Taken();
    return payload != nullptr;
  }
  OutputQueue whole_{{.chunks = OutputQueue::Chunks::kWhole}, pool_, *this};
};

TEST_F(WholeChunksTest, OneFrameAloneMayBeTaken) {
  StreamOutput stream(StreamId{1}, Priority::kBulk);
  const Dropping dropping{whole_, stream};
  EXPECT_TRUE(whole_.Open(stream, kUnlimited));
  ASSERT_TRUE(whole_.PushData(stream, 0, Block(kFramePayloadMax)));
  ASSERT_TRUE(whole_.PushData(stream, 0, Block(OutputQueue::kSharedPayloadMax + 1)));
  EXPECT_TRUE(Takes(whole_));
  EXPECT_TRUE(Takes(whole_));
  EXPECT_FALSE(whole_.HasOutput());
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
}

TEST_F(WholeChunksTest, FramesThatShareARecordMayNot) {
  StreamOutput stream(StreamId{1}, Priority::kBulk);
  const Dropping dropping{whole_, stream};
  EXPECT_TRUE(whole_.Open(stream, kUnlimited));
  ASSERT_TRUE(whole_.PushData(stream, 0, Block(kFramePayloadMax)));
  whole_.CreditDue(stream);
  EXPECT_FALSE(Takes(whole_));  // The credit and then, with no room for it, ...
  EXPECT_TRUE(Takes(whole_));   // ... the payload.
  ASSERT_TRUE(whole_.PushData(stream, 0, Block(1000)));
  ASSERT_TRUE(whole_.PushLink(FrameType::kPing, 0, kLinkStream, {AsBytes("12345678")}));
  EXPECT_FALSE(Takes(whole_));
}

TEST_F(WholeChunksTest, AnEndPointKeepsItsPayloads) {
  StreamOutput stream(StreamId{1}, Priority::kBulk);
  const Dropping dropping{queue_, stream};
  EXPECT_TRUE(queue_.Open(stream, kUnlimited));
  ASSERT_TRUE(queue_.PushData(stream, 0, Block(kFramePayloadMax)));
  EXPECT_FALSE(Takes(queue_));
}

}  // namespace
}  // namespace engine
