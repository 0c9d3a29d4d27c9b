// Goal: every promise of multiplexer.h, one test each.
// Method: two multiplexers joined in memory, and looks at the frames between them.

#include "engine/mux/multiplexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/mux/window_reserve.h"
#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::SizeIs;

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

TEST(Multiplexer, BothSidesOpenStreamsWithIdsOfTheirOwn) {
  MuxPair pair;
  EXPECT_EQ(pair.client.Open().id, StreamId{1});
  EXPECT_EQ(pair.node.Open().id, StreamId{2});
  EXPECT_EQ(pair.client.Open().id, StreamId{3});
  EXPECT_EQ(pair.node.Open().id, StreamId{4});
  pair.Pump();
  EXPECT_THAT(pair.client.streams, SizeIs(4));
  EXPECT_EQ(pair.client.mux.stream_count(), 4u);
}

TEST(Multiplexer, RejectionsCarryTheirCodeAndText) {
  MuxPair pair;
  pair.node.on_open = [&](StreamId id) {
    pair.node.mux.Reject(id, CloseCode::kConnectionRefused, "nobody listens");
  };
  FakeStream& stream = pair.client.Open();
  pair.client.Write(stream.id, "early");
  pair.Pump();
  EXPECT_TRUE(stream.is_rejected);
  EXPECT_EQ(stream.code, CloseCode::kConnectionRefused);
  EXPECT_EQ(stream.text, "nobody listens");
  EXPECT_EQ(pair.client.mux.stream_count(), 0u);
  EXPECT_EQ(pair.client.pool.free_count(), pair.client.pool.block_count());
}

TEST(Multiplexer, OpensCanBeAnsweredLater) {
  MuxPair pair;
  std::vector<StreamId> asked;
  pair.node.on_open = [&](StreamId id) { asked.push_back(id); };
  FakeStream& first = pair.client.Open();
  FakeStream& second = pair.client.Open();
  FakeStream& third = pair.client.Open();
  pair.client.mux.Finish(third.id);  // Waits for the accept, like data.
  pair.Pump();
  ASSERT_THAT(asked, SizeIs(3));
  pair.client.mux.Reset(first.id, CloseCode::kNormal);
  pair.Pump();
  FakeStream theirs;
  EXPECT_FALSE(pair.node.mux.Accept(asked[0], theirs));  // Gone meanwhile.
  pair.node.mux.Reject(asked[0], CloseCode::kDenied, "");
  theirs.mux = &pair.node.mux;
  theirs.id = asked[2];
  EXPECT_TRUE(pair.node.mux.Accept(asked[2], theirs));
  pair.Pump();
  EXPECT_FALSE(first.is_rejected);
  EXPECT_FALSE(second.is_accepted);
  EXPECT_TRUE(third.is_accepted);
  EXPECT_TRUE(theirs.is_finished);
  EXPECT_FALSE(pair.client.is_failed);
  EXPECT_FALSE(pair.node.is_failed);
}

TEST(Multiplexer, AResetBeforeTheAnswerIsARejection) {
  MuxPair pair;
  std::vector<StreamId> asked;
  pair.node.on_open = [&](StreamId id) { asked.push_back(id); };
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  pair.node.mux.Reset(asked.at(0), CloseCode::kDenied, "no");
  pair.Pump();
  EXPECT_TRUE(stream.is_rejected);
  EXPECT_EQ(stream.code, CloseCode::kDenied);
}

TEST(Multiplexer, AResetEndsBothDirectionsWithItsCode) {
  MuxPair pair;
  FakeStream& ours = pair.client.Open();
  pair.Pump();
  FakeStream& theirs = *pair.node.streams.at(ours.id);
  pair.client.Write(ours.id, "dropped");
  pair.client.mux.Reset(ours.id, CloseCode::kConnectionReset, "gone");
  pair.client.mux.Reset(ours.id, CloseCode::kInternal, "ignored");
  EXPECT_EQ(pair.client.mux.stream_count(), 0u);
  pair.node.Write(theirs.id, "late");  // Crosses the reset and is ignored.
  pair.Pump();
  EXPECT_TRUE(theirs.is_closed);
  EXPECT_EQ(theirs.code, CloseCode::kConnectionReset);
  EXPECT_EQ(theirs.text, "gone");
  EXPECT_EQ(theirs.main, "");
  EXPECT_FALSE(ours.is_closed);
  EXPECT_FALSE(pair.client.is_failed);
}

TEST(Multiplexer, CallsForAClosedStreamAreIgnored) {
  MuxPair pair;
  const StreamId gone{1};
  EXPECT_EQ(pair.client.Write(gone, "x"), 1u);
  EXPECT_EQ(pair.client.mux.Writable(gone), 0u);
  EXPECT_TRUE(pair.client.mux.SendControl(gone, "{}"));
  pair.client.mux.Consume(gone, 5);
  pair.client.mux.Finish(gone);
  pair.client.mux.Reset(gone, CloseCode::kNormal);
  pair.client.mux.Reject(gone, CloseCode::kNormal, "");
  EXPECT_THAT(pair.client.Gathered(), SizeIs(0));
}

TEST(Multiplexer, ControlMessagesGoOnAfterTheFinish) {
  MuxPair pair;
  FakeStream& stream = pair.client.Open();
  pair.client.mux.Finish(stream.id);
  pair.client.mux.Finish(stream.id);  // Once is enough.
  pair.Pump();
  EXPECT_TRUE(pair.client.mux.SendControl(stream.id, R"({"type":"signal","name":"INT"})"));
  pair.Pump();
  EXPECT_THAT(pair.node.streams.at(stream.id)->controls, SizeIs(1));
}

TEST(Multiplexer, AFullOutputQueueTakesPartAndSaysWhenItGoesOn) {
  MuxPair pair({.output_bytes_per_stream_max = 20'000});
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  EXPECT_EQ(pair.client.mux.Writable(stream.id), 20'000u);
  EXPECT_EQ(pair.client.Write(stream.id, std::string(30'000, 'x')), 20'000u);
  EXPECT_EQ(pair.client.mux.Writable(stream.id), 0u);
  EXPECT_EQ(pair.client.Write(stream.id, "y"), 0u);
  EXPECT_EQ(stream.writable_count, 0);
  stream.on_writable = [&] { pair.client.Write(stream.id, "z"); };  // From inside the event.
  pair.Pump();
  EXPECT_EQ(stream.writable_count, 1);
  EXPECT_EQ(pair.node.streams.at(stream.id)->main, std::string(20'000, 'x') + "z");
}

TEST(Multiplexer, AReaderThatStopsHoldsTheWriterAtTheWindow) {
  MuxPair pair({.window_bytes_min = 32 * 1024, .output_bytes_per_stream_max = 64 * 1024});
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  FakeStream& reader = *pair.node.streams.at(stream.id);
  reader.consumes = false;
  size_t written = 0;
  while (const size_t taken = pair.client.Write(stream.id, std::string(4'000, 'x'))) {
    written += taken;
    pair.Pump();
  }
  EXPECT_EQ(reader.main.size(), 32u * 1024);
  EXPECT_EQ(written, 96u * 1024);
  reader.consumes = true;
  reader.ConsumeAll();
  pair.Pump();
  EXPECT_EQ(reader.main.size(), written);
}

TEST(Multiplexer, OneStoppedReaderDoesNotStopTheOthers) {
  MuxPair pair;
  FakeStream& stopped = pair.client.Open();
  FakeStream& running = pair.client.Open();
  FakeStream& keys = pair.client.Open(Priority::kInteractive);
  pair.Pump();
  pair.node.streams.at(stopped.id)->consumes = false;
  for (int i = 0; i < 200; ++i) {
    pair.client.Write(stopped.id, std::string(16'000, 's'));
    EXPECT_EQ(pair.client.Write(running.id, std::string(16'000, 'r')), 16'000u);
    EXPECT_EQ(pair.client.Write(keys.id, "k"), 1u);
    pair.Pump();
  }
  EXPECT_EQ(pair.node.streams.at(stopped.id)->main.size(), 256u * 1024);
  EXPECT_EQ(pair.node.streams.at(running.id)->main.size(), 200u * 16'000);
  EXPECT_EQ(pair.node.streams.at(keys.id)->main.size(), 200u);
}

TEST(Multiplexer, GoawayRefusesNewStreamsAndLetsRunningOnesGoOn) {
  MuxPair pair;
  FakeStream& running = pair.client.Open();
  pair.Pump();
  FakeStream late;
  pair.node.mux.Goaway(CloseCode::kShuttingDown, "restart");
  FakeStream& crossing = pair.client.Open();  // Before the goaway arrives.
  pair.Pump();
  EXPECT_TRUE(pair.client.is_goaway);
  EXPECT_EQ(pair.client.code, CloseCode::kShuttingDown);
  EXPECT_EQ(pair.client.text, "restart");
  EXPECT_TRUE(crossing.is_rejected);
  EXPECT_EQ(crossing.code, CloseCode::kShuttingDown);
  EXPECT_EQ(pair.client.mux.Open(Priority::kBulk, AsBytes("{}"), late), kLinkStream);
  EXPECT_EQ(pair.node.mux.Open(Priority::kBulk, AsBytes("{}"), late), kLinkStream);
  pair.client.Write(running.id, "still here");
  pair.Pump();
  EXPECT_EQ(pair.node.streams.at(running.id)->main, "still here");
}

TEST(Multiplexer, AGoawayMayStandInForTheHello) {
  End relay(Side::kAccepted, {});
  End client(Side::kConnected, {});
  client.Say();
  relay.mux.Goaway(CloseCode::kElsewhere, "3");
  for (const std::string& record : relay.Gathered()) client.Receive(record);
  EXPECT_TRUE(client.is_goaway);
  EXPECT_FALSE(client.is_failed);
  EXPECT_EQ(client.code, CloseCode::kElsewhere);
  EXPECT_EQ(client.text, "3");
}

TEST(Multiplexer, TheEndOfTheConnectionEndsEveryStreamOnce) {
  MuxPair pair;
  FakeStream& accepted = pair.client.Open();
  pair.Pump();
  FakeStream& waiting = pair.client.Open();
  pair.client.Write(accepted.id, "lost");
  pair.client.mux.Disconnected(CloseCode::kNodeGone, "cut");
  EXPECT_TRUE(accepted.is_closed);
  EXPECT_TRUE(waiting.is_closed);
  EXPECT_EQ(waiting.code, CloseCode::kNodeGone);
  EXPECT_FALSE(pair.client.is_failed);
  pair.client.mux.Disconnected(CloseCode::kInternal, "again");
  EXPECT_EQ(accepted.code, CloseCode::kNodeGone);
  EXPECT_THAT(pair.client.Gathered(), SizeIs(0));
  EXPECT_EQ(pair.client.mux.NextDeadline(), Instant::max());
  EXPECT_EQ(pair.client.pool.free_count(), pair.client.pool.block_count());
}

TEST(Multiplexer, AConnectionMayEndBetweenGatherAndTaken) {
  MuxPair pair;
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  pair.client.Write(stream.id, std::string(16'000, 'x'));
  std::array<ByteView, kRecordSlicesMax> slices;
  EXPECT_GT(pair.client.mux.GatherRecord(slices, pair.now), 0u);
  pair.client.mux.Disconnected(CloseCode::kInternal, "cut");
  EXPECT_TRUE(stream.is_closed);
  EXPECT_EQ(pair.client.pool.free_count(), pair.client.pool.block_count());
}

TEST(Multiplexer, WakesItsCarrierWheneverThereIsSomethingToSend) {
  MuxPair pair;
  const auto wakes = [&](auto call) {
    pair.client.Gathered();
    pair.client.carrier.is_ready = false;
    call();
    return pair.client.carrier.is_ready;
  };
  FakeStream* stream = nullptr;
  EXPECT_TRUE(wakes([&] { stream = &pair.client.Open(); }));
  pair.client.Receive(FrameText(FrameType::kAccept, 0, 1, Big64(10)));
  EXPECT_TRUE(wakes([&] { pair.client.Write(stream->id, "0123456789ab"); }));
  EXPECT_FALSE(wakes([&] { pair.client.Write(stream->id, "no credit"); }));
  EXPECT_TRUE(wakes(
      [&] { pair.client.Receive(FrameText(FrameType::kCredit, 0, 1, Big64(10) + Big64(100))); }));
  EXPECT_TRUE(wakes([&] { (void)pair.client.mux.SendControl(stream->id, "{}"); }));
  EXPECT_TRUE(wakes([&] { pair.client.Receive(FrameText(FrameType::kPing, 0, 0, Big64(1))); }));
  EXPECT_TRUE(wakes([&] { pair.client.mux.Finish(stream->id); }));
  EXPECT_TRUE(wakes([&] { pair.client.mux.Reset(stream->id, CloseCode::kNormal); }));
  EXPECT_TRUE(wakes([&] { pair.client.mux.Goaway(CloseCode::kNormal, ""); }));
  EXPECT_TRUE(wakes([&] { pair.client.mux.HandleDeadline(pair.client.mux.NextDeadline()); }));
}

TEST(Multiplexer, HandlersMayCallBack) {
  MuxPair pair;
  // An echo that finishes when the other side does, all from inside events.
  pair.node.on_open = [&](StreamId id) {
    auto echo = std::make_unique<FakeStream>();
    FakeStream* stream = echo.get();
    stream->mux = &pair.node.mux;
    stream->id = id;
    stream->on_data = [&pair, stream] {
      pair.node.Write(stream->id, stream->main);
      stream->main.clear();
    };
    stream->on_finished = [&pair, stream] { pair.node.mux.Finish(stream->id); };
    stream->on_end = [&pair, id = id] { pair.node.streams.erase(id); };
    EXPECT_TRUE(pair.node.mux.Accept(id, *stream));
    pair.node.streams[id] = std::move(echo);
  };
  FakeStream& stream = pair.client.Open();
  bool is_closed = false;
  stream.on_end = [&] {
    is_closed = true;
    EXPECT_EQ(stream.main, "echo");
    pair.client.Open();  // A new one from inside the end of the old one.
  };
  pair.client.Write(stream.id, "echo");
  pair.client.mux.Finish(stream.id);
  pair.Pump();
  EXPECT_TRUE(is_closed);
  EXPECT_EQ(pair.node.mux.stream_count(), 1u);
  EXPECT_THAT(pair.node.streams, SizeIs(1));
}

TEST(Multiplexer, AHandlerMayResetItsOwnAndOtherStreams) {
  MuxPair pair;
  FakeStream& first = pair.client.Open();
  FakeStream& second = pair.client.Open();
  pair.Pump();
  FakeStream& theirs = *pair.node.streams.at(first.id);
  theirs.consumes = false;
  theirs.on_data = [&] {
    pair.node.mux.Reset(first.id, CloseCode::kInternal, "mine");
    pair.node.mux.Reset(second.id, CloseCode::kInternal, "the other");
  };
  pair.client.Write(first.id, std::string(20'000, 'x'));  // The rest comes after the reset.
  pair.client.Write(second.id, "y");
  pair.Pump();
  EXPECT_TRUE(first.is_closed);
  EXPECT_TRUE(second.is_closed);
  EXPECT_EQ(second.text, "the other");
  EXPECT_FALSE(pair.node.is_failed);
}

TEST(Multiplexer, ASilentPeerIsPingedAndThenGivenUp) {
  MuxPair pair;
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  constexpr LivenessTimes kTimes = kConnectedLiveness;
  EXPECT_EQ(pair.client.mux.NextDeadline(), Instant{} + kTimes.first_ping);
  pair.client.mux.HandleDeadline(Instant{} + kTimes.first_ping);
  EXPECT_THAT(FramesOf(pair.client.Gathered()), SizeIs(1));
  pair.client.mux.HandleDeadline(Instant{} + kTimes.first_ping + kTimes.next_ping);
  EXPECT_FALSE(stream.is_closed);
  EXPECT_EQ(pair.client.mux.NextDeadline(), Instant{} + kTimes.silence_max);
  pair.client.mux.HandleDeadline(Instant{} + kTimes.silence_max);
  EXPECT_TRUE(stream.is_closed);
  EXPECT_EQ(stream.code, CloseCode::kSilent);
  EXPECT_TRUE(pair.client.is_failed);
  EXPECT_EQ(pair.client.code, CloseCode::kSilent);
  EXPECT_TRUE(pair.client.carrier.is_closing);
}

TEST(Multiplexer, APingIsAnsweredAndMeasuresTheRoundTrip) {
  MuxPair pair;
  pair.now = Instant{} + kConnectedLiveness.first_ping;
  pair.client.mux.HandleDeadline(pair.now);
  const std::vector<std::string> ping = pair.client.Gathered(pair.now);
  ASSERT_THAT(ping, SizeIs(1));
  pair.node.Receive(ping[0], pair.now);
  const std::vector<std::string> answer = pair.node.Gathered(pair.now);
  ASSERT_THAT(answer, SizeIs(1));
  EXPECT_EQ(answer[0].substr(kFrameHeaderSize), ping[0].substr(kFrameHeaderSize));
  pair.client.Receive(answer[0], pair.now + milliseconds(30));
  EXPECT_EQ(pair.client.mux.round_trip(), milliseconds(30));
}

// CarryOverALongWay writes on `stream` as a quick sender does, to a quick reader whose credit takes
// 50 ms to come back.
void CarryOverALongWay(MuxPair& pair, const FakeStream& stream) {
  for (int i = 0; i < 500; ++i) {
    pair.client.Write(stream.id, std::string(16'000, 'x'));
    const std::vector<std::string> there = pair.client.Gathered(pair.now);
    pair.now += milliseconds(1);
    for (const std::string& record : there) pair.node.Receive(record, pair.now);
    const std::vector<std::string> back = pair.node.Gathered(pair.now);
    pair.now += milliseconds(50);
    for (const std::string& record : back) pair.client.Receive(record, pair.now);
    // What an unhurried path would deliver meanwhile.
    for (int j = 0; j < 8; ++j) {
      pair.client.Write(stream.id, std::string(16'000, 'x'));
      for (const std::string& record : pair.client.Gathered(pair.now))
        pair.node.Receive(record, pair.now);
    }
  }
}

TEST(Multiplexer, ALinkThatSomebodyCountsOnDoesNotRest) {
  MuxPair pair({.may_rest = true});
  const auto hear = [&](Instant now) {
    pair.client.Receive(FrameText(FrameType::kPing, kFlagAnswer, 0, Big64(0)), now);
    return pair.client.mux.NextDeadline() - now;
  };
  const auto usual = hear(Instant{} + std::chrono::seconds(50));
  EXPECT_EQ(hear(Instant{} + std::chrono::seconds(100)), usual + std::chrono::seconds(15));
  const Instant counted_on = Instant{} + std::chrono::seconds(105);
  pair.client.carrier.is_ready = false;
  pair.client.mux.KeepAwake(true, counted_on);
  EXPECT_TRUE(pair.client.carrier.is_ready) << "the connection waits for another deadline now";
  EXPECT_LE(pair.client.mux.NextDeadline(), counted_on + usual);
  EXPECT_EQ(hear(Instant{} + std::chrono::hours(1)), usual);
  pair.client.mux.KeepAwake(false, Instant{} + std::chrono::hours(1));
  EXPECT_EQ(hear(Instant{} + std::chrono::hours(2)), usual + std::chrono::seconds(15));
}

TEST(Multiplexer, WindowsGrowWhenThePathIsLong) {
  MuxPair pair;
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  const uint64_t before = pair.node.mux.window_bytes_sum();
  CarryOverALongWay(pair, stream);
  EXPECT_GT(pair.node.mux.window_bytes_sum(), before);
  EXPECT_LE(pair.node.mux.window_bytes_sum(), MultiplexerOptions{}.window_bytes_max);
}

TEST(Multiplexer, WindowsGrowIntoTheReserveAndGiveItBack) {
  WindowReserve reserve(1024 * 1024, 2);
  {
    const MultiplexerOptions options{.streams_max = 2,
                                     .window_bytes_min = 128 * 1024,
                                     .window_bytes_sum_max = 256 * 1024,
                                     .window_reserve = &reserve};
    MuxPair pair(options);
    FakeStream& stream = pair.client.Open();
    pair.Pump();
    CarryOverALongWay(pair, stream);
    EXPECT_LT(reserve.left(), 1024u * 1024);
    EXPECT_GT(reserve.left(), 0u) << "never all of it";
    EXPECT_GT(pair.node.mux.window_bytes_sum(), options.window_bytes_sum_max);
    FakeStream& second = pair.client.Open();
    pair.Pump();
    EXPECT_TRUE(second.is_accepted) << "what is kept for new streams is not lent";
    pair.client.mux.Reset(stream.id, CloseCode::kNormal);
    pair.Pump();
    EXPECT_EQ(reserve.left(), 1024u * 1024);
    CarryOverALongWay(pair, second);
    EXPECT_LT(reserve.left(), 1024u * 1024);
  }
  EXPECT_EQ(reserve.left(), 1024u * 1024);
}

}  // namespace
}  // namespace engine
