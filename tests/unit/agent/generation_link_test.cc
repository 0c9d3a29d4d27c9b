// Goal: lines pass between two processes of one agent whole and in order, also the last ones.
// Method: both ends of a socket pair on one loop of the kernel; some lines are written by hand, to
// be cut where a program would not cut them.

#include "agent/succession/generation_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/platform/create_loop.h"

namespace agent {
namespace {

using ::testing::ElementsAre;

class Listener final : public GenerationLink::Events {
 public:
  void OnLine(GenerationLink& link, std::string_view line) override {
    lines.emplace_back(line);
    if (line == "close") link.Close();
  }
  void OnEnd(GenerationLink&) override { ++ends; }

  std::vector<std::string> lines;
  int ends = 0;
};

class GenerationLinkTest : public ::testing::Test {
 protected:
  GenerationLinkTest() : loop_(*engine::CreateLoop({.block_count = 64})) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
  }

  ~GenerationLinkTest() override {
    for (std::unique_ptr<GenerationLink>* link : {&one_, &other_}) {
      if (*link == nullptr) continue;
      (*link)->Close();
      RunUntil([&] { return (*link)->closed(); });
      link->reset();
    }
  }

  void OpenOne() { one_ = std::make_unique<GenerationLink>(*loop_, ends_[0], of_one_); }
  void OpenOther() { other_ = std::make_unique<GenerationLink>(*loop_, ends_[1], of_other_); }

  template <class Condition>
  void RunUntil(Condition condition) {
    for (int i = 0; i < 500 && !condition(); ++i) loop_->RunOnce(std::chrono::milliseconds(10));
    EXPECT_TRUE(condition());
  }

  void Write(std::string_view text) {
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    for (int i = 0; i < 3; ++i) loop_->RunOnce(std::chrono::milliseconds(1));
  }

  std::unique_ptr<engine::Loop> loop_;
  int ends_[2];
  Listener of_one_;
  Listener of_other_;
  std::unique_ptr<GenerationLink> one_;
  std::unique_ptr<GenerationLink> other_;
};

TEST_F(GenerationLinkTest, LinesPassBothWaysInOrder) {
  OpenOne();
  OpenOther();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(one_->Send("down " + std::to_string(i)));
    ASSERT_TRUE(other_->Send("up " + std::to_string(i)));
  }
  RunUntil([&] { return of_one_.lines.size() == 1000 && of_other_.lines.size() == 1000; });
  EXPECT_EQ(of_other_.lines.front(), "down 0");
  EXPECT_EQ(of_other_.lines.back(), "down 999");
  EXPECT_EQ(of_one_.lines.back(), "up 999");
  EXPECT_TRUE(one_->is_flushed());
}

TEST_F(GenerationLinkTest, ALineMayComeInPiecesAndManyInOne) {
  OpenOne();
  Write("fi");
  EXPECT_THAT(of_one_.lines, ElementsAre());
  Write("rst\nsecond\n\nthi");
  EXPECT_THAT(of_one_.lines, ElementsAre("first", "second", ""));
  Write("rd\n");
  RunUntil([&] { return of_one_.lines.size() == 4; });
  EXPECT_EQ(of_one_.lines.back(), "third");
  ::close(ends_[1]);
}

TEST_F(GenerationLinkTest, WhatIsQueuedComesBeforeTheEndAndAnswersAfterIt) {
  OpenOne();
  OpenOther();
  ASSERT_TRUE(one_->Send(std::string(100'000, 'x')));
  one_->Finish();
  EXPECT_FALSE(one_->Send("too late"));
  RunUntil([&] { return of_other_.ends == 1; });
  ASSERT_EQ(of_other_.lines.size(), 1U);
  EXPECT_EQ(of_other_.lines[0].size(), 100'000U);
  ASSERT_TRUE(other_->Send("last words"));
  RunUntil([&] { return !of_one_.lines.empty(); });
  EXPECT_THAT(of_one_.lines, ElementsAre("last words"));
  EXPECT_EQ(of_one_.ends, 0);
}

TEST_F(GenerationLinkTest, AnEndThatIsGoneTakesNothingAndHoldsNothing) {
  OpenOne();
  ::close(ends_[1]);
  RunUntil([&] { return of_one_.ends == 1; });
  static_cast<void>(one_->Send("to nobody"));
  RunUntil([&] { return one_->is_flushed(); });
  EXPECT_FALSE(one_->Send("to nobody"));
}

TEST_F(GenerationLinkTest, ALineThatIsTooLongEndsTheLink) {
  OpenOne();
  const std::string part(64 * 1024, 'x');
  for (size_t sent = 0; sent <= GenerationLink::kLineMax; sent += part.size()) Write(part);
  RunUntil([&] { return of_one_.ends == 1; });
  EXPECT_THAT(of_one_.lines, ElementsAre());
  ::close(ends_[1]);
}

TEST_F(GenerationLinkTest, WhatNobodyReadsIsBounded) {
  OpenOne();
  const std::string line(64 * 1024, 'x');
  size_t taken = 0;
  while (one_->Send(line)) ++taken;
  EXPECT_LE(taken * line.size(), 2 * GenerationLink::kQueuedMax);
  EXPECT_FALSE(one_->is_flushed());
  ::close(ends_[1]);
}

TEST_F(GenerationLinkTest, ItMayBeClosedFromItsOwnEvent) {
  OpenOne();
  Write("close\nnever\n");
  RunUntil([&] { return one_->closed(); });
  EXPECT_THAT(of_one_.lines, ElementsAre("close"));
  EXPECT_EQ(of_one_.ends, 0);
  ::close(ends_[1]);
}

}  // namespace
}  // namespace agent
