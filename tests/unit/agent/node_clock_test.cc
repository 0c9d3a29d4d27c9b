// Goal: a node whose clock is behind judges by what its own certificate proves of the time, and no
// other node does. Method: clocks by hand, and a certificate around a fixed time.

#include "agent/session/node_clock.h"

#include <gtest/gtest.h>

#include "tests/support/tls_credentials.h"

namespace agent {
namespace {

using engine::test::kTestDay;
using engine::test::kTestNow;
using engine::test::kTestYear;

std::string Own() {
  return engine::test::TestAuthority().ClientIdentity("mi-0123456789abcdef0").certificate_chain_pem;
}

int64_t TimeWith(int64_t wall) {
  return NodeClock(Own(), [wall] { return wall; })();
}

TEST(NodeClockTest, AClockBeforeTheOwnCertificateIsNotBelieved) {
  EXPECT_EQ(TimeWith(0), kTestYear.not_before);
  EXPECT_EQ(TimeWith(kTestYear.not_before - 1), kTestYear.not_before);
}

TEST(NodeClockTest, AnyLaterClockIs) {
  EXPECT_EQ(TimeWith(kTestNow), kTestNow);
  EXPECT_EQ(TimeWith(kTestYear.not_after + kTestDay), kTestYear.not_after + kTestDay);
}

TEST(NodeClockTest, ACertificateThatCannotBeReadSaysNothing) {
  EXPECT_EQ(NodeClock("no certificate", [] { return int64_t{7}; })(), 7);
}

}  // namespace
}  // namespace agent
