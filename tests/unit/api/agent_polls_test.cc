// Goal: what an original agent asks for without end is not answered at once.

#include "relay/api/agent_polls.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace relay {
namespace {

class AgentPollsTest : public testing::Test {
 protected:
  void Poll(int64_t now_unix_ms) {
    polls_.Add(now_unix_ms, [this](int64_t at, const ApiStep&) { answered_.push_back(at); });
  }

  AgentPolls polls_;
  std::vector<int64_t> answered_;
};

// Trap P28: an agent that is answered asks again at once.
TEST_F(AgentPollsTest, APollIsAnsweredWhenItsTimeIsOver) {
  Poll(1'000);
  polls_.Tick(1'000 + AgentPolls::kWaitMs - 1);
  EXPECT_TRUE(answered_.empty());
  polls_.Tick(1'000 + AgentPolls::kWaitMs);
  EXPECT_EQ(answered_, std::vector<int64_t>{1'000 + AgentPolls::kWaitMs});
  EXPECT_EQ(polls_.size(), 0u);
}

TEST_F(AgentPollsTest, BeyondTheirMaximumTheOldestIsAnsweredEarly) {
  for (size_t i = 0; i <= AgentPolls::kPollsMax; ++i) Poll(static_cast<int64_t>(i));
  EXPECT_EQ(answered_.size(), 1u);
  EXPECT_EQ(polls_.size(), AgentPolls::kPollsMax);
}

}  // namespace
}  // namespace relay
