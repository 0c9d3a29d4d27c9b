// Goal: a session whose answer was lost is found when its client asks again, and nothing else is.
// Method: notes in every order, against a clock of the test's own.

#include "relay/api/start_retries.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/api/api_fixture.h"

namespace relay {
namespace {

TEST(StartRetries, AnAttemptFindsTheOneBeforeItAndNotOneAfterIt) {
  StartRetries retries;
  EXPECT_EQ(retries.Note("a", 1, "s1", 0), std::nullopt);
  EXPECT_EQ(retries.Note("b", 2, "s2", 0), std::nullopt);
  EXPECT_EQ(retries.Note("a", 2, "s3", 1), "s1");
  EXPECT_EQ(retries.Note("a", 1, "s4", 2), std::nullopt) << "it is answered late";
  EXPECT_EQ(retries.Note("a", 3, "s5", 3), "s3");
  EXPECT_EQ(retries.Note("a", 4, "s6", 3 + StartRetries::kKeptMs), std::nullopt);
}

TEST(StartRetries, ItsMemoryIsBounded) {
  StartRetries retries;
  for (size_t i = 0; i < 2 * StartRetries::kRequestsMax; ++i) {
    retries.Note(std::to_string(i), 1, "s", 0);
    ASSERT_LE(retries.size(), StartRetries::kRequestsMax);
  }
}

TEST(StartRetries, AnAttemptThatComesBehindALaterOneIsLate) {
  StartRetries retries;
  EXPECT_FALSE(retries.IsLate("a", 1, 0));
  retries.Note("a", 2, "s2", 0);
  EXPECT_TRUE(retries.IsLate("a", 1, 1));
  EXPECT_FALSE(retries.IsLate("a", 2, 1));
  EXPECT_FALSE(retries.IsLate("a", 3, 1));
  EXPECT_FALSE(retries.IsLate("b", 1, 1));
  EXPECT_FALSE(retries.IsLate("a", 1, StartRetries::kKeptMs));
}

class StartRetriesApiTest : public ApiFixture {
 protected:
  std::string Start(const std::string& invocation, int attempt, const std::string& user = "admin") {
    headers_ = {{"amz-sdk-invocation-id", invocation},
                {"amz-sdk-request", "attempt=" + std::to_string(attempt) + "; max=3"}};
    const Json answer =
        Call("StartSession", {{"Target", kNodeId}, {"Adit", {{"Version", 1}}}}, user);
    return answer.value("SessionId", "");
  }
};

TEST_F(StartRetriesApiTest, ARepeatedRequestLeavesNothingBehind) {
  AddUser("bob", "arn:aws:iam::aws:policy/AditAdmin");
  const std::string first = Start("id-1", 1);
  const std::string other = Start("id-2", 1);
  const std::string anothers = Start("id-1", 2, "bob");
  EXPECT_TRUE(plane_.ended.empty());
  const std::string second = Start("id-1", 2);
  ASSERT_EQ(plane_.ended.size(), 1u);
  EXPECT_EQ(plane_.ended[0].first, first);
  broker_.SessionJoined(second, "", now_);
  Start("id-1", 3);
  EXPECT_EQ(plane_.ended.size(), 1u) << "what was joined is somebody's";
  const size_t count = plane_.grants.size();
  EXPECT_EQ(Start("id-1", 1), "") << "it has overtaken nobody";
  EXPECT_EQ(plane_.grants.size(), count);
}

}  // namespace
}  // namespace relay
