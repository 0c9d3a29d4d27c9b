// Goal: what a local program says before the node has connected reaches the target once, in order
// and first, whatever becomes of the link meanwhile; a program that is refused, or leaves, notices
// no difference. Method: forward_fixture.h, with a node that answers when it is told.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/client/forward_fixture.h"

namespace client {
namespace {

using engine::IoError;
using engine::sim::Faults;

class ForwardEarlyTest : public ForwardTest {
 protected:
  // MakeHolding makes a node that takes early data and answers nothing yet.
  void MakeHolding(uint64_t seed, const Faults& faults = {}) {
    Make(seed, faults);
    node_->TakeEarly();
    node_->Resume();
    node_->holds = true;
  }
  // Speak connects a program that says something at once.
  Program& Speak(std::string text) {
    Program& program = Connect();
    Run([&] { return program.connected; });
    program.Send(std::move(text));
    return program;
  }
  void RunAWhile() {
    Run([] { return false; }, 100);
  }
  uint64_t sent_bytes() { return node_->client().sent_bytes(); }
};

TEST_F(ForwardEarlyTest, WhatIsSaidFirstDoesNotWaitForTheAnswer) {
  MakeHolding(1);
  Program& program = Speak(Noise(50'000));
  Run([&] { return node_->held_count() == 1; });
  RunAWhile();
  EXPECT_EQ(sent_bytes(), engine::kEarlyDataMax) << "and no more than may";
  EXPECT_TRUE(node_->Answer());
  EXPECT_TRUE(node_->stream(0).received == Noise(50'000).substr(0, engine::kEarlyDataMax));
  Run([&] { return node_->stream(0).received.size() == 50'000; });
  program.Finish();
  Run([&] { return node_->stream(0).finished; });
  EXPECT_TRUE(node_->stream(0).received == Noise(50'000));
  EXPECT_TRUE(node_->stream(0).finished);
}

TEST_F(ForwardEarlyTest, WhatIsSaidFirstMayBeAll) {
  MakeHolding(2);
  Program& program = Speak("question");
  Run([&] { return program.sent(); });
  program.Finish();
  Run([&] { return node_->held_count() == 1; });
  RunAWhile();
  EXPECT_TRUE(node_->Answer());
  EXPECT_EQ(node_->stream(0).received, "question");
  EXPECT_FALSE(node_->stream(0).finished) << "an end is never early";
  Run([&] { return node_->stream(0).finished; });
  EXPECT_TRUE(node_->stream(0).finished);
  node_->stream(0).Say("answer");
  node_->stream(0).mux.Finish(node_->stream(0).id);
  Run([&] { return program.end != IoError::kNone; });
  EXPECT_EQ(program.read, "answer");
  EXPECT_EQ(program.end, IoError::kEndOfStream);
}

TEST_F(ForwardEarlyTest, ANodeThatDoesNotTakeItGetsNothingBeforeItsAnswer) {
  Make(3);
  node_->holds = true;
  Speak("hello");
  Run([&] { return node_->held_count() == 1; });
  RunAWhile();
  EXPECT_EQ(sent_bytes(), 0u);
  EXPECT_TRUE(node_->Answer());
  EXPECT_EQ(node_->stream(0).received, "");
  Run([&] { return node_->stream(0).received == "hello"; });
  EXPECT_EQ(node_->stream(0).received, "hello");
}

TEST_F(ForwardEarlyTest, ARefusalIsTheSameForWhoHasSpoken) {
  MakeHolding(4);
  node_->reject = engine::CloseCode::kConnectionRefused;
  for (int i = 0; i < 10; ++i) Speak(Noise(30'000));
  Run([&] { return node_->held_count() == 10; });
  RunAWhile();
  EXPECT_EQ(sent_bytes(), 10 * engine::kEarlyDataMax);
  while (node_->held_count() > 0) node_->Answer();
  Run([&] {
    return std::ranges::all_of(programs_, [](auto& p) { return p->end != IoError::kNone; });
  });
  for (auto& program : programs_) {
    EXPECT_EQ(program->end, IoError::kReset);
    EXPECT_TRUE(program->read.empty());
  }
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_EQ(told_[1], "db:5433 refused the connection of web-1: nobody listens there");
  Run([this] { return forward_->connection_count() == 0; });
  EXPECT_EQ(node_->client().stream_count(), 0u);
}

TEST_F(ForwardEarlyTest, AnOpenWhoseConnectionIsLostGoesOnWithWhatWasSaid) {
  for (const bool is_lost : {true, false}) {
    SCOPED_TRACE(is_lost ? "the open is lost" : "the answer is lost");
    MakeHolding(5);
    node_->stalled = is_lost;
    Program& program = Speak("one ");
    Run([&] {
      return node_->held_count() == 1 || (is_lost && node_->client().stream_count() == 1);
    });
    RunAWhile();
    node_->stalled = true;
    if (!is_lost) {
      EXPECT_TRUE(node_->Answer());
    }
    node_->Cut();
    program.Send("two ");
    RunAWhile();
    node_->Return();
    node_->stalled = false;
    RunAWhile();
    EXPECT_EQ(sent_bytes(), std::string_view("one two ").size());
    if (is_lost) {
      ASSERT_EQ(node_->held_count(), 1u);
      EXPECT_TRUE(node_->Answer());
    }
    program.Send("three");
    Run([&] { return program.sent(); });
    program.Finish();
    Run([&] { return node_->stream(0).finished; });
    EXPECT_EQ(node_->stream_count(), 1u);
    EXPECT_EQ(node_->stream(0).received, "one two three");
    EXPECT_TRUE(node_->stream(0).finished);
    TearDown();
    programs_.clear();
    told_.clear();
  }
}

TEST_F(ForwardEarlyTest, WhoLeavesBeforeTheAnswerIsForgotten) {
  for (const bool is_cut : {false, true}) {
    SCOPED_TRACE(is_cut);
    MakeHolding(6);
    Program& program = Speak("never mind");
    Run([&] { return node_->held_count() == 1; });
    RunAWhile();
    node_->stalled = is_cut;
    if (is_cut) node_->Cut();
    program.Close(engine::CloseMode::kReset);
    Run([&] { return forward_->connection_count() == 0; });
    EXPECT_EQ(forward_->connection_count(), 0u);
    EXPECT_EQ(node_->client().stream_count(), 0u);
    if (is_cut) node_->Return();
    node_->stalled = false;
    RunAWhile();
    EXPECT_FALSE(node_->Answer());
    EXPECT_EQ(node_->stream_count(), 0u);
    EXPECT_EQ(told_.size(), 1u) << "nothing was refused";
    TearDown();
    told_.clear();
  }
}

TEST_F(ForwardEarlyTest, TheEndOfTheLinkResetsWhoWaitsForAnAnswer) {
  MakeHolding(7);
  Program& program = Speak("hello");
  Run([&] { return node_->held_count() == 1; });
  RunAWhile();
  node_->Cut();
  node_->Disconnect();
  forward_->Stop();
  Run([&] { return program.end != IoError::kNone; });
  EXPECT_EQ(program.end, IoError::kReset);
}

TEST_F(ForwardEarlyTest, EveryByteArrivesOnceWhereverConnectionsAreCut) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Faults faults = Faults::Swarm(seed);
    faults.reset = 0;
    faults.refuse = 0;
    MakeHolding(seed, faults);
    node_->echoes = true;
    engine::Random random(seed);
    for (size_t i = 0; i < 8; ++i) {
      Speak(Noise(random.Range(1, 40'000)));
      node_->stalled = random.Chance(50);
      Run([] { return false; }, static_cast<int>(random.Range(0, 10)));
      if (random.Chance(50)) {
        node_->Cut();
        Run([] { return false; }, static_cast<int>(random.Range(0, 10)));
        node_->Return();
      }
      node_->stalled = false;
      if (node_->held_count() > 0 && random.Chance(50)) {
        EXPECT_TRUE(node_->Answer(random.Range(0, node_->held_count() - 1)));
      }
    }
    const auto is_done = [](auto& program) {
      return program->sent() && program->read.size() == program->said.size();
    };
    Run([&] {
      while (node_->held_count() > 0) node_->Answer();
      return std::ranges::all_of(programs_, is_done);
    });
    for (auto& program : programs_) EXPECT_TRUE(program->read == program->said);
    TearDown();
    told_.clear();
  }
}

}  // namespace
}  // namespace client
