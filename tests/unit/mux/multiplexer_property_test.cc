// Goal: whatever two ends do, bytes arrive once and in order, every stream ends once, and no block
// is left behind.
// Method: a seed decides options, chunking, writes, reads, finishes, resets and opens; both ends
// check their own invariants after every call. A failure prints its seed.

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <memory>

#include "engine/base/random.h"
#include "engine/mux/multiplexer.h"
#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

// ByteAt is what stands at an offset of a stream's channel: wrong order shows at once.
char ByteAt(StreamId id, bool from_client, Channel channel, uint64_t offset) {
  const uint64_t x = offset * 0x9E3779B97F4A7C15u + static_cast<uint32_t>(id) * 31u +
                     (from_client ? 7u : 0u) + (channel == Channel::kStderr ? 3u : 0u);
  return static_cast<char>(x >> 56);
}

class World;

// Party is one end of one stream.
class Party final : public StreamEvents {
 public:
  Party(World& world, bool is_client) : world_(world), is_client_(is_client) {}
  void OnRejected(CloseCode, std::string_view) override { End(); }
  void OnData(Channel channel, BufferRef payload) override;
  void OnFinished() override {
    EXPECT_FALSE(is_peer_finished);
    is_peer_finished = true;
  }
  void OnClosed(CloseCode code, std::string_view) override {
    EXPECT_TRUE(code != CloseCode::kNormal || (is_finished && is_peer_finished));
    End();
  }
  void End() {
    EXPECT_FALSE(is_ended);
    is_ended = true;
  }

  void Act(Random& random);

  StreamId id{};
  bool is_finished = false;
  bool is_peer_finished = false;
  bool is_ended = false;
  uint64_t sent[2] = {};
  uint64_t received[2] = {};
  size_t unconsumed = 0;
  Party* other = nullptr;

 private:
  friend class World;
  World& world_;
  const bool is_client_;
};

class World {
 public:
  explicit World(uint64_t seed)
      : random_(seed),
        options_{.streams_max = static_cast<uint32_t>(random_.Range(2, 40)),
                 .window_bytes_min = random_.Range(kWindowBytesFloor, 100'000),
                 .window_bytes_max = random_.Range(100'000, 1'000'000),
                 .window_bytes_sum_max = random_.Range(100'000, 4'000'000),
                 .output_bytes_per_stream_max = static_cast<uint32_t>(random_.Range(100, 100'000))},
        client_(Side::kConnected, options_, 4'096),
        node_(Side::kAccepted, options_, 4'096) {
    client_.on_open = [this](StreamId id) { OnOpen(id, /*is_client=*/true); };
    node_.on_open = [this](StreamId id) { OnOpen(id, /*is_client=*/false); };
    client_.Say();
    node_.Say();
    if (random_.Chance(50)) {
      client_.mux.PeerTakesEarly();
      node_.mux.PeerTakesEarly();
    }
  }

  End& end(bool is_client) { return is_client ? client_ : node_; }

  void Run(int steps) {
    for (int step = 0; step < steps; ++step) {
      now_ += std::chrono::microseconds(random_.Range(1, 3'000));
      if (random_.Chance(8)) Open(random_.Chance(50));
      if (random_.Chance(10)) AnswerOne();
      if (!parties_.empty()) parties_[random_.Range(0, parties_.size() - 1)]->Act(random_);
      if (random_.Chance(40)) Move(client_, node_, to_node_);
      if (random_.Chance(40)) Move(node_, client_, to_client_);
      for (bool is_client : {true, false}) {
        Multiplexer& mux = end(is_client).mux;
        if (mux.NextDeadline() <= now_) mux.HandleDeadline(now_);
      }
      ASSERT_FALSE(client_.is_failed) << client_.text;
      ASSERT_FALSE(node_.is_failed) << node_.text;
    }
    Settle();
  }

 private:
  friend class Party;

  Party* MakeParty(bool is_client) {
    parties_.push_back(std::make_unique<Party>(*this, is_client));
    return parties_.back().get();
  }

  void Open(bool is_client) {
    Party* party = MakeParty(is_client);
    party->id = end(is_client).mux.Open(
        random_.Chance(50) ? Priority::kInteractive : Priority::kBulk, AsBytes("{}"), *party);
    if (party->id == kLinkStream) {
      parties_.pop_back();
    } else {
      openers_[party->id] = party;
    }
  }

  void OnOpen(StreamId id, bool is_client) {
    unanswered_.emplace_back(id, is_client);
    if (random_.Chance(50)) AnswerOne();
  }

  // AnswerOne answers the open that has waited longest.
  void AnswerOne() {
    if (unanswered_.empty()) return;
    const auto [id, is_client] = unanswered_.front();
    unanswered_.erase(unanswered_.begin());
    if (openers_.at(id)->is_ended || random_.Chance(10)) {
      end(is_client).mux.Reject(id, CloseCode::kDenied, "no");
      return;
    }
    Party* party = MakeParty(is_client);
    party->id = id;
    party->other = openers_.at(id);
    party->other->other = party;
    EXPECT_TRUE(end(is_client).mux.Accept(id, *party));
  }

  // Move gathers into `wire` and delivers part of what is on it.
  void Move(End& from, End& to, std::string& wire) {
    for (const std::string& record : from.Gathered(now_)) wire += record;
    uint64_t left = random_.Chance(80) ? wire.size() : random_.Range(0, wire.size());
    while (left > 0) {
      const uint64_t size = std::min<uint64_t>(
          left, random_.Chance(50) ? random_.Range(1, 40) : random_.Range(1, 16 * 1024));
      to.mux.Receive(to.Block(std::string_view(wire).substr(0, size)), now_);
      wire.erase(0, size);
      left -= size;
    }
  }

  // Settle lets everything that was promised arrive and then ends what is left.
  void Settle() {
    while (!unanswered_.empty()) AnswerOne();
    bool is_silent = false;
    for (int i = 0; i < 2'000 && !is_silent; ++i) {
      now_ += std::chrono::milliseconds(1);
      Move(client_, node_, to_node_);
      Move(node_, client_, to_client_);
      while (!unanswered_.empty()) AnswerOne();
      is_silent = to_node_.empty() && to_client_.empty() && !client_.carrier.is_ready &&
                  !node_.carrier.is_ready;
      for (const auto& party : parties_) {
        if (party->unconsumed == 0 || party->is_ended) continue;
        end(party->is_client_).mux.Consume(party->id, std::exchange(party->unconsumed, 0));
        is_silent = false;
      }
    }
    EXPECT_TRUE(is_silent);
    for (const auto& party : parties_) {
      if (party->is_ended || party->other == nullptr || party->other->is_ended) continue;
      EXPECT_EQ(party->received[0], party->other->sent[0]);
      EXPECT_EQ(party->received[1], party->other->sent[1]);
      EXPECT_EQ(party->is_peer_finished, party->other->is_finished);
    }
    client_.mux.Disconnected(CloseCode::kNodeGone, "over");
    node_.mux.Disconnected(CloseCode::kNodeGone, "over");
    for (const auto& party : parties_) EXPECT_TRUE(party->is_ended);
    for (const bool is_client : {true, false}) {
      EXPECT_EQ(end(is_client).mux.stream_count(), 0u);
      EXPECT_EQ(end(is_client).mux.window_bytes_sum(), 0u);
      EXPECT_EQ(end(is_client).pool.free_count(), end(is_client).pool.block_count());
    }
  }

  Random random_;
  const MultiplexerOptions options_;
  Instant now_{};
  End client_;
  End node_;
  std::string to_node_;
  std::string to_client_;
  std::vector<std::unique_ptr<Party>> parties_;
  std::map<StreamId, Party*> openers_;
  std::vector<std::pair<StreamId, bool>> unanswered_;  // And whether the client is asked.
};

void Party::OnData(Channel channel, BufferRef payload) {
  EXPECT_FALSE(is_peer_finished);
  for (const std::byte byte : payload.bytes()) {
    const char expected =
        ByteAt(id, !is_client_, channel, received[static_cast<size_t>(channel)]++);
    ASSERT_EQ(static_cast<char>(byte), expected);
  }
  unconsumed += payload.size();
  if (world_.random_.Chance(60)) {
    const size_t size = world_.random_.Range(0, unconsumed);
    unconsumed -= size;
    world_.end(is_client_).mux.Consume(id, size);
  }
  if (world_.random_.Chance(1)) {  // From inside the event.
    world_.end(is_client_).mux.Reset(id, CloseCode::kInternal, "whim");
    End();
  }
}

void Party::Act(Random& random) {
  if (is_ended) return;
  Multiplexer& mux = world_.end(is_client_).mux;
  if (random.Chance(20) && unconsumed > 0) mux.Consume(id, std::exchange(unconsumed, 0));
  if (!is_finished) {
    const Channel channel = random.Chance(80) ? Channel::kMain : Channel::kStderr;
    std::string text(random.Chance(50) ? random.Range(1, 100) : random.Range(1, 16 * 1024), ' ');
    uint64_t& offset = sent[static_cast<size_t>(channel)];
    for (size_t i = 0; i < text.size(); ++i) text[i] = ByteAt(id, is_client_, channel, offset + i);
    offset += world_.end(is_client_).Write(id, text, channel);
  }
  if (random.Chance(5)) (void)mux.SendControl(id, R"({"type":"notice","text":"x"})");
  if (random.Chance(5)) {
    mux.Finish(id);
    is_finished = true;
  }
  if (random.Chance(2)) {
    mux.Reset(id, CloseCode::kConnectionReset, "whim");
    End();
  }
}

class MultiplexerProperty : public testing::TestWithParam<uint64_t> {};

TEST_P(MultiplexerProperty, BytesArriveOnceAndInOrderAndNothingIsLeft) {
  for (uint64_t seed = GetParam() * 25; seed < (GetParam() + 1) * 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::cerr << "\rseed " << seed;  // A CHECK that fails shows no trace.
    World(seed + 1).Run(600);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MultiplexerProperty, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace engine
