// Goal: a forwarded port behaves like the port itself: bytes, half-closes and resets go through, a
// refusal is a reset before any byte, one stalled reader holds up nobody, and nothing is left
// behind. Method: forward_fixture.h.

#include "client/forward.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/unit/client/forward_fixture.h"

namespace client {
namespace {

using engine::IoError;
using engine::sim::Faults;

TEST_F(ForwardTest, TheReadyLineSaysFromWhereToWhere) {
  Make(1);
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0], "127.0.0.1:5432 -> web-1 -> db:5433");
}

TEST_F(ForwardTest, AConnectionIsAStreamToTheTarget) {
  Make(2);
  node_->echoes = true;
  Program& program = Connect();
  Run([&] { return program.connected; });
  program.Send("hello");
  Run([&] { return program.read == "hello"; });
  EXPECT_EQ(program.read, "hello");
  const auto& request = std::get<engine::TcpRequest>(node_->stream(0).request);
  EXPECT_EQ(request.host, "db");
  EXPECT_EQ(request.port, 5433);
}

TEST_F(ForwardTest, ManyConnectionsCarryTheirOwnBytesOnEverySeed) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    Faults faults = Faults::Swarm(seed);
    faults.reset = 0;
    faults.refuse = 0;
    Make(seed, faults);
    node_->echoes = true;
    for (int i = 0; i < 16; ++i) Connect();
    Run([&] { return std::ranges::all_of(programs_, [](auto& p) { return p->connected; }); }, 3000);
    for (size_t i = 0; i < programs_.size(); ++i) programs_[i]->Send(Noise(100'000 + i));
    Run(
        [&] {
          return std::ranges::all_of(
              programs_, [](auto& p) { return p->sent() && p->read.size() >= 100'000; });
        },
        5000);
    for (auto& program : programs_) program->Finish();
    Run(
        [&] {
          return std::ranges::all_of(programs_, [](auto& p) { return p->end != IoError::kNone; });
        },
        5000);
    for (size_t i = 0; i < programs_.size(); ++i) {
      EXPECT_TRUE(programs_[i]->read == Noise(100'000 + i)) << i;
      EXPECT_EQ(programs_[i]->end, IoError::kEndOfStream) << i;
    }
    Run([this] { return forward_->connection_count() == 0; }, 3000);
    EXPECT_EQ(forward_->connection_count(), 0u) << "both ends finished: nothing is left";
    TearDown();
    told_.clear();
  }
}

TEST_F(ForwardTest, HalfClosesGoBothWays) {
  Make(3);
  Program& program = Connect();
  Run([&] { return program.connected && node_->stream_count() == 1; });
  program.Send("question");
  Run([&] { return program.sent(); });
  program.Finish();
  Run([&] { return node_->stream(0).finished; });
  EXPECT_TRUE(node_->stream(0).finished);
  EXPECT_EQ(node_->stream(0).received, "question");
  node_->stream(0).Say("answer");
  Run([&] { return program.read == "answer"; });
  EXPECT_EQ(program.end, IoError::kNone) << "our direction is still open";
  node_->client();
  node_->stream(0).mux.Finish(node_->stream(0).id);
  Run([&] { return program.end != IoError::kNone; });
  EXPECT_EQ(program.end, IoError::kEndOfStream);
}

TEST_F(ForwardTest, ARefusalIsAResetBeforeAnyByteAndOneLine) {
  Make(4);
  node_->reject = engine::CloseCode::kConnectionRefused;
  for (int i = 0; i < 10; ++i) Connect();
  Run([&] {
    return std::ranges::all_of(programs_, [](auto& p) { return p->end != IoError::kNone; });
  });
  for (auto& program : programs_) {
    EXPECT_EQ(program->end, IoError::kReset);
    EXPECT_TRUE(program->read.empty());
  }
  ASSERT_EQ(told_.size(), 2u) << "the ready line, and one for all ten";
  EXPECT_EQ(told_[1], "db:5433 refused the connection of web-1: nobody listens there");
}

TEST_F(ForwardTest, AResetOnEitherSideReachesTheOther) {
  Make(5);
  Program& first = Connect();
  Program& second = Connect();
  Run([&] { return node_->stream_count() == 2 && first.connected && second.connected; });
  first.Close(engine::CloseMode::kReset);
  Run([&] { return node_->stream(0).closed || node_->stream(1).closed; });
  const size_t gone = node_->stream(0).closed ? 0 : 1;
  EXPECT_EQ(node_->stream(gone).close_code, engine::CloseCode::kConnectionReset);
  FakeStream& other = node_->stream(1 - gone);
  other.mux.Reset(other.id, engine::CloseCode::kConnectionReset, "");
  Run([&] { return second.end != IoError::kNone; });
  EXPECT_EQ(second.end, IoError::kReset);
}

TEST_F(ForwardTest, AStalledReaderHoldsUpNobody) {
  Make(6);
  Program& stalled = Connect();
  stalled.reads = false;
  Run([&] { return stalled.connected && node_->stream_count() == 1; });
  node_->stream(0).Say(Noise(4'000'000));
  Run([] { return false; }, 100);
  Program& other = Connect();
  Run([&] { return other.connected && node_->stream_count() == 2; });
  node_->stream(1).Say(Noise(4'000'000));
  Run([&] { return other.read.size() == 4'000'000; }, 3000);
  EXPECT_TRUE(other.read == Noise(4'000'000));
  EXPECT_TRUE(stalled.read.empty());
  stalled.ReadOn();
  Run([&] { return stalled.read.size() == 4'000'000; }, 3000);
  EXPECT_TRUE(stalled.read == Noise(4'000'000)) << "and it lost nothing";
}

TEST_F(ForwardTest, ATargetThatDoesNotReadStopsTheLocalProgramAndHoldsFewBlocks) {
  Make(7);
  node_->consumes = false;
  Program& program = Connect();
  Run([&] { return program.connected; });
  const uint16_t free_before = loop_->buffers().free_count();
  program.Send(Noise(8'000'000));
  Run([] { return false; }, 500);
  EXPECT_FALSE(program.sent());
  const size_t held = static_cast<size_t>(free_before - loop_->buffers().free_count());
  EXPECT_LT(held * loop_->buffers().block_size(), size_t{512 * 1024});
}

TEST_F(ForwardTest, BeyondTheMaximumConnectionsWaitForAPlace) {
  Make(8, {}, 4);
  node_->echoes = true;
  for (int i = 0; i < 12; ++i) Connect();
  size_t seen_max = 0;
  for (auto& program : programs_) {
    Run([&] {
      seen_max = std::max(seen_max, forward_->connection_count());
      return program->connected;
    });
  }
  Run([&] { return false; }, 100);
  for (auto& program : programs_) {
    program->Send("x");
    Run([&] { return program->read == "x"; }, 500);
    program->Close();
    Run([&] { return program->closed; }, 500);
  }
  Run([this] { return forward_->connection_count() == 0; }, 1000);
  EXPECT_EQ(node_->stream_count(), 12u) << "each had its turn";
  EXPECT_EQ(forward_->connection_count(), 0u);
}

TEST_F(ForwardTest, TheEndOfTheLinkResetsEveryConnection) {
  Make(9);
  for (int i = 0; i < 5; ++i) Connect();
  Run([&] { return node_->stream_count() == 5; });
  Run([&] { return std::ranges::all_of(programs_, [](auto& p) { return p->connected; }); });
  node_->Disconnect();
  forward_->Stop();
  Run([&] {
    return std::ranges::all_of(programs_, [](auto& p) { return p->end != IoError::kNone; });
  });
  for (auto& program : programs_) EXPECT_EQ(program->end, IoError::kReset);
}

TEST_F(ForwardTest, ANewConnectionGoesWhereNoBulkRuns) {
  Make(10);
  second_node_ = std::make_unique<FakeNode>(*loop_, ForwardLinkOptions(1, 2));
  Program& bulk = Connect();
  Run([&] { return node_->stream_count() == 1; });
  node_->stream(0).Say(Noise(1'000'000));
  Run([&] { return bulk.read.size() == 1'000'000; }, 2000);
  EXPECT_GT(all_busy_, 0u) << "whoever owns the lanes is told that one more would help";
  AddLane(*second_node_);
  node_->stream(0).Say(Noise(300'000));
  Run([&] { return bulk.read.size() == 1'300'000; }, 2000);
  Connect();
  Run([&] { return second_node_->stream_count() == 1; });
  EXPECT_EQ(node_->stream_count(), 1u);
  EXPECT_EQ(second_node_->stream_count(), 1u);
  forward_->Stop();
}

TEST_F(ForwardTest, ALaneThatTakesNoMoreIsPassedOver) {
  Make(11);
  second_node_ = std::make_unique<FakeNode>(*loop_, ForwardLinkOptions(1, 2));
  AddLane(*second_node_);
  node_->client().Goaway(engine::CloseCode::kShuttingDown, "");
  second_node_->echoes = true;
  Program& program = Connect();
  Run([&] { return program.connected; });
  program.Send("x");
  Run([&] { return program.read == "x"; });
  EXPECT_EQ(program.read, "x");
  EXPECT_EQ(node_->stream_count(), 0u);
}

TEST_F(ForwardTest, BrokenConnectionsLeaveNothingBehindOnEverySeed) {
  for (uint64_t seed = 100; seed < 130; ++seed) {
    SCOPED_TRACE(seed);
    Faults faults = Faults::Swarm(seed);
    faults.reset = 3;
    faults.refuse = 0;
    Make(seed, faults);
    node_->echoes = true;
    for (int i = 0; i < 8; ++i) Connect();
    Run([&] { return std::ranges::all_of(programs_, [](auto& p) { return p->connected; }); }, 2000);
    for (auto& program : programs_) {
      if (program->end == IoError::kNone) program->Send(Noise(50'000));
    }
    Run([] { return false; }, 500);
    for (auto& program : programs_) program->Close();
    Run([this] { return forward_->connection_count() == 0; }, 3000);
    EXPECT_EQ(forward_->connection_count(), 0u);
    TearDown();
    told_.clear();
  }
}

}  // namespace
}  // namespace client
