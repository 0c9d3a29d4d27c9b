// Goal: the relay's credit arithmetic never grants what it cannot hold, and never takes a grant
// back. Method: the named cases one by one, then random walks against the invariant.

#include "relay/switchboard/flow.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/random.h"

namespace relay {
namespace {

using engine::SendWindow;

constexpr uint64_t kHeldMax = 1024 * 1024;
constexpr uint64_t kPlenty = uint64_t{1} << 40;

TEST(FlowTest, GrantsNoMoreThanTheReceiverDoes) {
  Flow flow(kHeldMax);
  EXPECT_EQ(flow.Grant(SendWindow(1000)).limit, 1000u);
  EXPECT_EQ(flow.Received(1000), Flow::Verdict::kOk);
  EXPECT_EQ(flow.Received(1), Flow::Verdict::kBeyondLimit);
}

TEST(FlowTest, GrantsNoMoreThanItHoldsAndSaysOnlyWhatTheReceiverHas) {
  Flow flow(kHeldMax);
  SendWindow receiver(kPlenty);
  EXPECT_EQ(flow.Grant(receiver).limit, kHeldMax);
  EXPECT_EQ(flow.Received(kHeldMax), Flow::Verdict::kOk);
  EXPECT_EQ(flow.Received(1), Flow::Verdict::kBeyondLimit);
  receiver.Send(kHeldMax / 4 - 1);
  EXPECT_FALSE(flow.IsCreditDue(receiver));
  receiver.Send(1);
  EXPECT_TRUE(flow.IsCreditDue(receiver));
  const engine::Credit credit = flow.Grant(receiver);
  EXPECT_EQ(credit.limit, kHeldMax + kHeldMax / 4);
  EXPECT_EQ(credit.received, 0u);
  EXPECT_FALSE(flow.IsCreditDue(receiver)) << "once is enough";
}

TEST(FlowTest, NamesEachLie) {
  Flow flow(kHeldMax);
  EXPECT_EQ(flow.Received(1), Flow::Verdict::kBeyondLimit) << "nothing was granted yet";
  flow.Grant(SendWindow(1000));
  EXPECT_EQ(flow.Received(100), Flow::Verdict::kOk);
  EXPECT_EQ(flow.Finished(99), Flow::Verdict::kWrongFinish);
  EXPECT_EQ(flow.Finished(100), Flow::Verdict::kOk);
  EXPECT_EQ(flow.Finished(100), Flow::Verdict::kAfterFinish);
  EXPECT_EQ(flow.Received(1), Flow::Verdict::kAfterFinish);
}

TEST(FlowTest, KeepsItsInvariantOnRandomWalks) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    engine::Random random(seed);
    Flow flow(kHeldMax);
    SendWindow receiver(random.Range(0, 4 * kHeldMax));
    uint64_t granted = flow.Grant(receiver).limit;
    for (int step = 0; step < 500; ++step) {
      if (flow.received() < granted) {
        ASSERT_EQ(flow.Received(random.Range(1, granted - flow.received())), Flow::Verdict::kOk)
            << "seed " << seed;
      }
      receiver.Send(random.Range(0, flow.received() - receiver.sent()));
      if (random.Chance(50)) {
        const uint64_t received = random.Range(receiver.received(), receiver.sent());
        const uint64_t limit = receiver.limit() + random.Range(0, kHeldMax);
        ASSERT_EQ(receiver.Update({received, limit}), engine::CreditError::kNone);
      }
      if (flow.IsCreditDue(receiver) || random.Chance(20)) {
        const uint64_t limit = flow.Grant(receiver).limit;
        ASSERT_GE(limit, granted) << "a grant was taken back, seed " << seed;
        granted = limit;
      }
      ASSERT_LE(flow.received() - receiver.sent(), kHeldMax) << "seed " << seed;
      ASSERT_LE(flow.received(), receiver.limit()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace relay
