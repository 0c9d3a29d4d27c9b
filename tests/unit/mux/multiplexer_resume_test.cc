// Goal: a link whose connections die goes on over the next one as if there had been one all along:
// every byte arrives once and in order, every stream ends once, and both ends keep no more than
// they may.
// Method: two ends in memory; what one has gathered is lost at a byte of a seed's choice, with what
// the other had under way; both say how far they are, and go on.

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <string>

#include "engine/base/random.h"
#include "engine/mux/multiplexer.h"
#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

MultiplexerOptions Resuming() {
  MultiplexerOptions options;
  options.resume_bytes_max = kResumeBytesMin;
  return options;
}

struct ResumePair : MuxPair {
  explicit ResumePair(const MultiplexerOptions& options = Resuming()) : MuxPair(options) {
    client.mux.PeerResumes(true);
    node.mux.PeerResumes(true);
    client.mux.PeerTakesEarly();
    node.mux.PeerTakesEarly();
  }
  void Suspend() {
    client.mux.Suspend();
    node.mux.Suspend();
  }
  void Resume() {
    const uint64_t client_has = client.mux.received_position();
    const uint64_t node_has = node.mux.received_position();
    EXPECT_TRUE(client.mux.Resume(node_has, {}, client.carrier, now));
    EXPECT_TRUE(node.mux.Resume(client_has, {}, node.carrier, now));
  }
  void Cut() {
    Suspend();
    Resume();
  }
};

std::string Joined(const std::vector<std::string>& records) {
  std::string bytes;
  for (const std::string& record : records) bytes += record;
  return bytes;
}

TEST(MultiplexerResume, WhatWasOnItsWayIsSentAgainFromEveryByte) {
  for (size_t cut = 0;; ++cut) {
    ResumePair pair;
    FakeStream& stream = pair.client.Open();
    pair.client.Write(stream.id, "hello");
    pair.Pump();
    FakeStream& other = *pair.node.streams.at(stream.id);
    pair.client.Write(stream.id, " world");
    EXPECT_TRUE(pair.client.mux.SendControl(stream.id, R"({"type":"resize"})"));
    pair.client.mux.Finish(stream.id);
    const std::string bytes = Joined(pair.client.Gathered());
    pair.node.Receive(bytes.substr(0, cut));
    pair.node.mux.Finish(stream.id);
    pair.Cut();
    pair.Pump();
    ASSERT_EQ(other.main, "hello world");
    ASSERT_EQ(other.controls.size(), 1u);
    ASSERT_TRUE(other.is_closed && stream.is_closed) << cut;
    ASSERT_EQ(stream.code, CloseCode::kNormal);
    if (cut == bytes.size()) break;
  }
}

TEST(MultiplexerResume, TheWayIsMeasuredBeforeAnythingWaitsInIt) {
  ResumePair pair;
  pair.Pump();
  const auto has_ping = [](End& end) {
    return std::ranges::any_of(FramesOf(end.Gathered()), [](const ParsedFrame& frame) {
      return frame.header.type == FrameType::kPing && frame.header.flags == 0;
    });
  };
  // The hellos were exchanged at time 0, and so was a ping of each end: no other one is due.
  EXPECT_EQ(pair.client.mux.round_trip(), Duration::zero());
  FakeStream& stream = pair.client.Open();
  pair.client.Write(stream.id, "bulk");
  EXPECT_FALSE(has_ping(pair.client));
  End lane(Side::kConnected, Resuming());
  End link(Side::kConnected, MultiplexerOptions{});
  for (End* end : {&lane, &link}) {
    end->Say();
    EXPECT_FALSE(has_ping(*end));
    end->Receive(FrameText(FrameType::kControl, 0, 0, R"({"type":"hello"})"));
  }
  EXPECT_TRUE(has_ping(lane));
  EXPECT_FALSE(has_ping(link)) << "it is measured once something comes";
}

TEST(MultiplexerResume, OpensAnswersAndResetsThatWereLostArriveOnce) {
  ResumePair pair;
  FakeStream& kept = pair.client.Open();
  (void)pair.client.Gathered();  // Lost.
  pair.Cut();
  FakeStream& rejected = pair.client.Open();
  pair.node.on_open = [&](StreamId id) {
    if (id == rejected.id) return pair.node.mux.Reject(id, CloseCode::kDenied, "no");
    auto stream = std::make_unique<FakeStream>();
    stream->mux = &pair.node.mux;
    stream->id = id;
    EXPECT_TRUE(pair.node.mux.Accept(id, *stream));
    pair.node.streams[id] = std::move(stream);
  };
  pair.node.Receive(Joined(pair.client.Gathered()));
  (void)pair.node.Gathered();  // Both answers are lost ...
  pair.Cut();
  pair.Pump();
  EXPECT_TRUE(kept.is_accepted);
  EXPECT_TRUE(rejected.is_rejected);
  pair.client.mux.Reset(kept.id, CloseCode::kConnectionReset, "whim");
  (void)pair.client.Gathered();  // ... and so is this.
  pair.Cut();
  pair.Pump();
  EXPECT_EQ(pair.node.streams.at(kept.id)->code, CloseCode::kConnectionReset);
  EXPECT_EQ(pair.client.mux.stream_count() + pair.node.mux.stream_count(), 0u);
}

TEST(MultiplexerResume, ARecordThatWasGatheredAndNotTakenIsSentAgain) {
  ResumePair pair;
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  pair.client.Write(stream.id, "abc");
  std::array<ByteView, kRecordSlicesMax> slices;
  EXPECT_GT(pair.client.mux.GatherRecord(slices, pair.now), 0u);
  pair.Cut();
  pair.Pump();
  EXPECT_EQ(pair.node.streams.at(stream.id)->main, "abc");
}

TEST(MultiplexerResume, WhileItIsSuspendedStreamsTakeWhatTheirQueuesHold) {
  ResumePair pair;
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  pair.Suspend();
  EXPECT_EQ(pair.client.mux.NextDeadline(), Instant::max());
  EXPECT_EQ(pair.client.Write(stream.id, std::string(1'000'000, 'x')),
            MultiplexerOptions().output_bytes_per_stream_max);
  EXPECT_TRUE(pair.client.Gathered().empty());
  FakeStream& later = pair.client.Open();
  pair.Resume();
  pair.Pump();
  EXPECT_GT(stream.writable_count, 0);
  EXPECT_TRUE(later.is_accepted);
  EXPECT_EQ(pair.node.streams.at(stream.id)->main.size(),
            MultiplexerOptions().output_bytes_per_stream_max);
}

TEST(MultiplexerResume, OpensWithoutAConnectionLeaveRoomForResets) {
  ResumePair pair;
  pair.Suspend();
  StreamId id;
  FakeStream stream;
  do {
    id = pair.client.mux.Open(Priority::kBulk, AsBytes(std::string(100, ' ')), stream);
    pair.client.mux.Reset(id, CloseCode::kConnectionReset, "whim");
  } while (id != kLinkStream);
  EXPECT_FALSE(pair.client.is_failed);
  pair.node.on_open = [&](StreamId opened) {
    pair.node.mux.Reject(opened, CloseCode::kDenied, "no");
  };
  pair.Resume();
  pair.Pump();
  EXPECT_FALSE(pair.client.is_failed);
  EXPECT_FALSE(pair.node.is_failed);
}

TEST(MultiplexerResume, WhatIsAcknowledgedIsKeptNoLonger) {
  ResumePair pair;
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  const uint16_t free_before = pair.client.pool.free_count();
  for (int i = 0; i < 400; ++i) {
    pair.client.Write(stream.id, std::string(16 * 1024, 'x'));
    pair.Pump();
    ASSERT_LE(size_t{free_before} - pair.client.pool.free_count(),
              2 * kAckBytesMax / pair.client.pool.block_size());
  }
}

TEST(MultiplexerResume, NoDataIsSentThatCannotBeKept) {
  MultiplexerOptions options = Resuming();
  options.window_bytes_min = options.window_bytes_max = 8 * kResumeBytesMin;
  ResumePair pair(options);
  FakeStream& stream = pair.client.Open();
  pair.Pump();
  std::string bytes;
  while (pair.client.Write(stream.id, std::string(16 * 1024, 'x')) > 0) {
    bytes += Joined(pair.client.Gathered());
  }
  EXPECT_GE(bytes.size(), kResumeBytesMin);
  EXPECT_LE(bytes.size(), kResumeBytesMin + kRecordSizeMax);
  pair.client.mux.Reset(stream.id, CloseCode::kConnectionReset, "whim");
  EXPECT_FALSE(pair.client.Gathered().empty());  // All else is said.
}

TEST(MultiplexerResume, APeerThatAcknowledgesNothingIsGivenUp) {
  ResumePair pair;
  const std::string ping = FrameText(FrameType::kPing, 0, 0, Big64(1));
  for (int i = 0; i < 300'000 && !pair.client.is_failed; ++i) {
    pair.client.Receive(ping);
    (void)pair.client.Gathered();
  }
  EXPECT_TRUE(pair.client.is_failed);
  EXPECT_EQ(pair.client.code, CloseCode::kTooMany);
}

TEST(MultiplexerResume, APeerAtAByteThatItCannotBeAtIsRefused) {
  ResumePair pair;
  pair.Suspend();
  const uint64_t node_has = pair.node.mux.received_position();
  EXPECT_FALSE(pair.client.mux.Resume(node_has + 1, {}, pair.client.carrier, pair.now));
  EXPECT_TRUE(pair.client.mux.suspended());
  EXPECT_TRUE(pair.client.mux.Resume(node_has, {}, pair.client.carrier, pair.now));
}

TEST(MultiplexerResume, AcknowledgementsThatLieEndTheLink) {
  ResumePair pair;
  pair.client.Receive(FrameText(FrameType::kAck, 0, 0, Big64(1'000'000)));
  EXPECT_TRUE(pair.client.is_failed);
  EXPECT_EQ(pair.client.code, CloseCode::kProtocolError);
  MuxPair plain;
  plain.client.Receive(FrameText(FrameType::kAck, 0, 0, Big64(1)));
  EXPECT_TRUE(plain.client.is_failed);
}

TEST(MultiplexerResume, AnAcknowledgementOfLessThanBeforeIsNoMistake) {
  ResumePair pair;
  FakeStream& stream = pair.client.Open();
  pair.client.Write(stream.id, "word");
  pair.Pump();
  const uint64_t all = pair.node.mux.received_position();
  ASSERT_GT(all, 1u);
  for (const uint64_t position : {all, all - 1, uint64_t{0}, all}) {
    pair.client.Receive(FrameText(FrameType::kAck, 0, 0, Big64(position)));
    EXPECT_FALSE(pair.client.is_failed) << position;
  }
  pair.client.Write(stream.id, " and on");
  pair.Pump();
  EXPECT_EQ(pair.node.streams.at(stream.id)->main, "word and on");
}

TEST(MultiplexerResume, SilenceStallsALinkThatResumesAndFailsAnother) {
  struct Stalling final : LinkEvents {
    void OnOpen(StreamId, Priority, ByteView) override {}
    void OnControl(ByteView) override {}
    void OnGoaway(CloseCode, std::string_view) override {}
    void OnFailed(CloseCode, std::string_view) override { is_failed = true; }
    void OnStalled() override { is_stalled = true; }
    bool is_failed = false;
    bool is_stalled = false;
  };
  for (const auto& [resumes, is_probed] :
       {std::pair{true, true}, {true, false}, {false, true}, {false, false}}) {
    Stalling events;
    BufferPool pool(16, 16 * 1024);
    FakeCarrier carrier;
    Multiplexer mux(Side::kConnected, Resuming(), events, pool, Instant{});
    mux.Attach(carrier);
    EXPECT_TRUE(mux.SendControl(kLinkStream, "{}"));
    mux.PeerResumes(resumes);
    if (is_probed) mux.Probe(std::chrono::seconds(1), Instant{});
    Instant now{};
    while (mux.NextDeadline() < Instant{} + std::chrono::seconds(60)) {
      now = mux.NextDeadline();
      mux.HandleDeadline(now);
    }
    EXPECT_EQ(now - Instant{} <= std::chrono::seconds(1), is_probed);
    EXPECT_EQ(events.is_stalled, resumes);
    EXPECT_EQ(events.is_failed, !resumes);
    EXPECT_EQ(mux.can_resume(), resumes);
  }
}

TEST(MultiplexerResume, AProbeIsAPingThatMustBeAnsweredSoon) {
  ResumePair pair;
  pair.Pump();
  const Instant asked = pair.now + std::chrono::seconds(1);
  const Instant deadline = asked + std::chrono::milliseconds(700);
  pair.client.mux.Probe(std::chrono::milliseconds(700), asked);
  EXPECT_TRUE(pair.client.carrier.is_ready);
  EXPECT_EQ(pair.client.mux.NextDeadline(), deadline);
  pair.node.Receive(Joined(pair.client.Gathered(asked)), asked);
  pair.client.Receive(Joined(pair.node.Gathered(asked)), asked);
  EXPECT_GT(pair.client.mux.NextDeadline(), deadline) << "it was";
  pair.Suspend();
  pair.client.mux.Probe(std::chrono::milliseconds(700), asked);
  EXPECT_EQ(pair.client.mux.NextDeadline(), Instant::max()) << "there is nobody to ask";
  pair.Resume();
}

TEST(MultiplexerResume, ThePrefaceComesFirstAndIsNotCounted) {
  ResumePair pair;
  pair.Suspend();
  const uint64_t client_has = pair.client.mux.received_position();
  ASSERT_TRUE(pair.node.mux.Resume(client_has, AsBytes("preface"), pair.node.carrier, pair.now));
  const std::vector<std::string> records = pair.node.Gathered();
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.front(), "preface");
  pair.node.mux.Suspend();
  ASSERT_TRUE(pair.node.mux.Resume(client_has, {}, pair.node.carrier, pair.now));
}

// A party writes what an offset says, and reads the same.
char ByteAt(uint32_t stream, bool from_client, uint64_t offset) {
  return static_cast<char>((offset * 0x9E3779B97F4A7C15u + stream * 31u + from_client) >> 56);
}

struct Flow {
  StreamId id{};
  uint64_t sent[2] = {};  // By node, by client.
  bool finished[2] = {};
};

class CutWorld {
 public:
  explicit CutWorld(uint64_t seed) : random_(seed), pair_(Options(random_)) {}

  void Run() {
    for (int step = 0; step < 300; ++step) {
      pair_.now += std::chrono::microseconds(random_.Range(1, 3'000));
      if (flows_.size() < 8 && random_.Chance(10)) flows_.push_back({pair_.client.Open().id});
      if (!flows_.empty()) Write(flows_[random_.Range(0, flows_.size() - 1)]);
      if (random_.Chance(40)) Move(pair_.client, pair_.node, to_node_);
      if (random_.Chance(40)) Move(pair_.node, pair_.client, to_client_);
      if (random_.Chance(10)) Cut();
      ASSERT_FALSE(pair_.client.is_failed || pair_.node.is_failed)
          << pair_.client.text << pair_.node.text;
    }
    for (Flow& flow : flows_) {
      for (const bool is_client : {true, false}) Finish(flow, is_client);
    }
    Cut();
    pair_.Pump();
    for (const Flow& flow : flows_) Verify(flow);
    EXPECT_EQ(pair_.client.mux.stream_count() + pair_.node.mux.stream_count(), 0u);
  }

 private:
  static MultiplexerOptions Options(Random& random) {
    MultiplexerOptions options = Resuming();
    options.window_bytes_min = random.Range(kWindowBytesFloor, 400'000);
    options.window_bytes_max = 1'000'000;
    options.output_bytes_per_stream_max = static_cast<uint32_t>(random.Range(100, 100'000));
    return options;
  }

  End& end(bool is_client) { return is_client ? pair_.client : pair_.node; }
  bool IsThere(const Flow& flow, bool is_client) {
    const auto found = end(is_client).streams.find(flow.id);
    return found != end(is_client).streams.end();
  }

  void Write(Flow& flow) {
    const bool is_client = random_.Chance(50);
    if (!IsThere(flow, is_client) || flow.finished[is_client]) return;
    if (random_.Chance(2)) return Finish(flow, is_client);
    std::string text(random_.Chance(50) ? random_.Range(1, 100) : random_.Range(1, 16 * 1024), ' ');
    for (size_t i = 0; i < text.size(); ++i) {
      text[i] = ByteAt(static_cast<uint32_t>(flow.id), is_client, flow.sent[is_client] + i);
    }
    flow.sent[is_client] += end(is_client).Write(flow.id, text);
  }

  void Finish(Flow& flow, bool is_client) {
    // The node's end is there once it has heard of the open.
    if (!IsThere(flow, is_client)) {
      Cut();
      pair_.Pump();
    }
    if (std::exchange(flow.finished[is_client], true)) return;
    end(is_client).mux.Finish(flow.id);
  }

  // Move gathers into `wire` and delivers a part of what is on it.
  void Move(End& from, End& to, std::string& wire) {
    wire += Joined(from.Gathered(pair_.now));
    const size_t size = random_.Chance(70) ? wire.size() : random_.Range(0, wire.size());
    to.Receive(std::string_view(wire).substr(0, size), pair_.now, random_.Range(1, 16 * 1024));
    wire.erase(0, size);
  }

  void Cut() {
    if (random_.Chance(30)) {
      std::array<ByteView, kRecordSlicesMax> slices;
      (void)pair_.client.mux.GatherRecord(slices, pair_.now);
    }
    to_node_.clear();
    to_client_.clear();
    pair_.Cut();
  }

  void Verify(const Flow& flow) {
    for (const bool is_client : {true, false}) {
      const FakeStream& stream = *end(is_client).streams.at(flow.id);
      EXPECT_TRUE(stream.is_closed);
      EXPECT_EQ(stream.code, CloseCode::kNormal);
      ASSERT_EQ(stream.main.size(), flow.sent[!is_client]);
      for (size_t i = 0; i < stream.main.size(); ++i) {
        ASSERT_EQ(stream.main[i], ByteAt(static_cast<uint32_t>(flow.id), !is_client, i)) << i;
      }
    }
  }

  Random random_;
  ResumePair pair_;
  std::vector<Flow> flows_;
  std::string to_node_;
  std::string to_client_;
};

TEST(MultiplexerResume, BytesArriveOnceAndInOrderWhereverConnectionsAreCut) {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::cerr << "\rseed " << seed;  // A CHECK that fails shows no trace.
    CutWorld(seed).Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace engine
