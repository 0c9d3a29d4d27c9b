// Goal: a node believes its relay's certificate by whichever of two clocks is right, its own or the
// one that made its certificate, and no certificate that ended before what it knows to have passed.
// Method: handshakes in memory with a relay's certificate of 90 days; clocks by hand.

#include "agent/session/node_clock.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/tls_credentials.h"
#include "tests/unit/tls/tls_pair.h"

namespace agent {
namespace {

using engine::TlsError;
using engine::test::kTestDay;
using engine::test::kTestNow;
using engine::test::Must;

constexpr int64_t kAhead = 100 * kTestDay;  // More than the relay's certificate has left.

class NodeClockTest : public testing::Test {
 protected:
  std::string Own(int64_t made_at) const {
    return authority_.ClientIdentity("mi-0123456789abcdef0", {made_at, made_at + kTestDay})
        .certificate_chain_pem;
  }
  // Dial is a node's dial, whose certificate was made at `made_at`, by a clock that says `wall`.
  TlsError Dial(int64_t known, int64_t made_at, int64_t wall) const {
    const auto server = Must(engine::TlsContext::Server(
        {.identity = authority_.ServerIdentity(
             {"relay", {"relay.test"}, {}}, {kTestNow - 10 * kTestDay, kTestNow + 80 * kTestDay}),
         .protocols = {"adit/1"}}));
    engine::TlsClientOptions options;
    options.trust = engine::TlsTrust::Authority(authority_.Pem());
    options.protocols = {"adit/1"};
    SetNodeClocks(known, Own(made_at), options, [wall] { return wall; });
    const auto client = Must(engine::TlsContext::Client(options));
    engine::test::TlsEnd relay(*server);
    engine::test::TlsEnd node(*client, "relay.test");
    Shake(node, relay);
    return node.channel.error();
  }

  const engine::test::TestAuthority authority_;
};

TEST_F(NodeClockTest, ARelaysClockThatWasFarAheadLocksNoNodeOut) {
  EXPECT_EQ(Dial(kTestNow - kTestDay, kTestNow + kAhead, kTestNow), TlsError::kNone);
}

TEST_F(NodeClockTest, AMachineOf1970KnowsTheTimeByItsCertificate) {
  EXPECT_EQ(Dial(kTestNow - kTestDay, kTestNow - kTestDay, 0), TlsError::kNone);
  EXPECT_EQ(Dial(0, kTestNow - kTestDay, 0), TlsError::kNone) << "it never had a clock";
}

TEST_F(NodeClockTest, ACertificateThatEndedBeforeTheKnownTimeIsRefusedHoweverTheClockIsSet) {
  const int64_t later = kTestNow + 81 * kTestDay;
  for (const int64_t wall : {int64_t{0}, kTestNow, later}) {
    EXPECT_EQ(Dial(later, later, wall), TlsError::kCertificateExpired) << wall;
  }
}

TEST_F(NodeClockTest, AClockThatIsTooLateIsBelieved) {
  EXPECT_EQ(Dial(kTestNow, kTestNow, kTestNow + kAhead), TlsError::kCertificateExpired);
}

TEST_F(NodeClockTest, WhatIsKnownIsTheEarlierOfTwoClocksAndNeverLess) {
  EXPECT_EQ(KnownTime(0, Own(kTestNow - 300), kTestNow), kTestNow - 300);
  EXPECT_EQ(KnownTime(0, Own(kTestNow + kAhead), kTestNow), kTestNow) << "a relay that was ahead";
  EXPECT_EQ(KnownTime(kTestNow, Own(kTestNow + kTestDay), 0), kTestNow) << "a node of 1970";
  EXPECT_EQ(KnownTime(kTestNow, Own(5), kTestNow + 9), kTestNow) << "a relay of 1970";
  EXPECT_EQ(KnownTime(7, "no certificate", kTestNow), 7);
}

}  // namespace
}  // namespace agent
