// Goal: no principal, and not all of them, hold more of the gateway than they may.
// Method: counted alone, and with a broker's sessions.

#include "relay/broker/gateway_shares.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/broker/broker_fixture.h"

namespace relay {
namespace {

TEST(GatewaySharesTest, APrincipalHasItsMaximumAndAllHaveTheirs) {
  GatewayShares shares;
  constexpr uint64_t kHalf = GatewayShares::kPrincipalBytesMax;
  EXPECT_TRUE(shares.Fits("a", kHalf));
  GatewayShares::Share first = shares.Take("a", kHalf);
  EXPECT_FALSE(shares.Fits("a", 1));
  EXPECT_TRUE(shares.Fits("b", kHalf));
  GatewayShares::Share second = shares.Take("b", kHalf);
  EXPECT_FALSE(shares.Fits("c", 1));
  first.reset();
  EXPECT_TRUE(shares.Fits("c", kHalf));
  second.reset();
  EXPECT_EQ(shares.bytes(), 0u);
}

TEST(GatewaySharesTest, AShareMayOutliveTheCount) {
  GatewayShares::Share share;
  {
    GatewayShares shares;
    share = shares.Take("a", 1);
  }
  share.reset();
}

class GatewaySharesBrokerTest : public BrokerFixture {
 protected:
  static constexpr uint64_t kCount = GatewayShares::kPrincipalBytesMax / GatewayShares::kPortBytes;

  static StartRequest PortWish() {
    ResolvedSession port;
    port.type = SessionType::kPort;
    port.plan.kind = SessionKind::kTcp;
    port.plan.host = "localhost";
    port.plan.port = 80;
    StartRequest wish = Wish();
    wish.resolved = std::make_shared<const WishOutcome>(port);
    return wish;
  }
};

TEST_F(GatewaySharesBrokerTest, RequestsOfOneGroupDoNotFindTheSameRoom) {
  ASSERT_TRUE(store->OpenGroup().ok());
  ASSERT_TRUE(store->Begin().ok());
  for (uint64_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(std::holds_alternative<StartedSession>(broker.StartSession(PortWish(), kNow))) << i;
  }
  EXPECT_TRUE(std::holds_alternative<StartFailure>(broker.StartSession(PortWish(), kNow)));
  store->Rollback();
  EXPECT_TRUE(std::holds_alternative<StartedSession>(broker.StartSession(PortWish(), kNow)));
  ASSERT_TRUE(store->CloseGroup().ok());
}

TEST_F(GatewaySharesBrokerTest, SessionsOfAwsClientsAreCountedUntilTheyEnd) {
  StartRequest wish = PortWish();
  std::string last;
  for (uint64_t i = 0; i < kCount; ++i) {
    const auto outcome = broker.StartSession(wish, kNow);
    ASSERT_TRUE(std::holds_alternative<StartedSession>(outcome)) << i;
    last = std::get<StartedSession>(outcome).session_id;
  }
  const auto refused = broker.StartSession(wish, kNow);
  ASSERT_TRUE(std::holds_alternative<StartFailure>(refused));
  EXPECT_EQ(std::get<StartFailure>(refused).kind, StartFailure::Kind::kTooMany);
  StartRequest native = wish;
  native.carriage = Carriage::kInspected;
  EXPECT_TRUE(std::holds_alternative<StartedSession>(broker.StartSession(native, kNow)));
  StartRequest other = wish;
  other.principal = "arn:bob";
  EXPECT_TRUE(std::holds_alternative<StartedSession>(broker.StartSession(other, kNow)));
  ASSERT_TRUE(broker.TerminateSession(last, "over", kNow).ok());
  EXPECT_TRUE(std::holds_alternative<StartedSession>(broker.StartSession(wish, kNow)));
}

}  // namespace
}  // namespace relay
