// Goal: what is made up has its prescribed form and is never the same twice.
// Method: many of each.

#include "relay/store/identifiers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/crypto/uuid.h"

namespace relay {
namespace {

using testing::MatchesRegex;

void ExpectForm(std::string (*make)(), const char* form) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string text = make();
    EXPECT_THAT(text, MatchesRegex(form));
    EXPECT_TRUE(seen.insert(text).second);
  }
}

TEST(Identifiers, HaveTheirPrescribedForms) {
  ExpectForm(engine::crypto::NewUuid,
             "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  ExpectForm([] { return engine::crypto::NewTimeUuid(0x0199'1234'5678); },
             "01991234-5678-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  ExpectForm(NewNodeId, "mi-[0-9a-f]{17}");
  ExpectForm(NewToken, "[A-Za-z0-9_-]{43}");
  ExpectForm(NewAccessKeyId, "AKIA[A-Z2-7]{16}");
  ExpectForm(NewAccessKeySecret, "[A-Za-z0-9_-]{40}");
}

TEST(Identifiers, ASessionIdIsMadeOfTheUserAndRandomness) {
  EXPECT_THAT(NewSessionId("alice"), MatchesRegex("alice-[a-z2-7]{26}"));
  EXPECT_THAT(NewSessionId("a b/c%"), MatchesRegex("a-b-c--[a-z2-7]{26}"));
  EXPECT_THAT(NewSessionId(""), MatchesRegex("user-[a-z2-7]{26}"));
  EXPECT_LE(NewSessionId(std::string(300, 'u')).size(), 96u);
}

TEST(Identifiers, ANodeIdIsTold) {
  EXPECT_TRUE(IsNodeId("mi-0123456789abcdef0"));
  for (const char* text :
       {"", "mi-0123456789abcdef", "i-0123456789abcdef01", "mi-0123456789ABCDEF0",
        "mi-0123456789abcdeg0", "mi-0123456789abcdef00"}) {
    EXPECT_FALSE(IsNodeId(text)) << text;
  }
}

}  // namespace
}  // namespace relay
