// Goal: who misspells an action in a policy is told, with the name that was meant; who writes one
// that means something is left in peace.

#include "client/action_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace client {
namespace {

TEST(ActionNamesTest, ATypoIsToldWithTheNameThatWasMeant) {
  for (const char* typo : {"ssm:StartSesion", "ssm:startsesion", "ssm:StartSessions",
                           "smm:StartSession", "ssm:StartSesion*"}) {
    const std::string doubt = DoubtOfAction(typo);
    EXPECT_NE(doubt.find("did you mean ssm:StartSession?"), std::string::npos) << typo << doubt;
    EXPECT_NE(doubt.find(typo), std::string::npos);
  }
  EXPECT_NE(DoubtOfAction("iam:CreateUsr").find("iam:CreateUser"), std::string::npos);
  EXPECT_NE(DoubtOfAction("ssm:Xyzzy*").find("allows and denies nothing"), std::string::npos);
}

TEST(ActionNamesTest, WhatMatchesSomethingIsLeftInPeace) {
  for (const char* action : {"*", "ssm:*", "s*", "ssm:Describe*", "SSM:startsession", "*:Get*",
                             "ssm:?tartSession", "iam:*User*", "sts:TagSession", "iam:PassRole"}) {
    EXPECT_EQ(DoubtOfAction(action), "") << action;
  }
}

TEST(ActionNamesTest, ActionsOfOtherServicesAreNoneOfOurs) {
  for (const char* action : {"s3:GetObject", "ses:SendEmail", "sns:Publish", "ec2messages:*"}) {
    EXPECT_EQ(DoubtOfAction(action), "") << action;
  }
}

TEST(ActionNamesTest, EveryActionOfAPolicyIsLookedAt) {
  const std::vector<std::string> doubts = DoubtsOfPolicy(
      R"({"Version": "2012-10-17", "Statement": [
          {"Effect": "Allow", "Action": ["ssm:StartSesion", "ssm:GetDocument"], "Resource": "*"},
          {"Effect": "Deny", "NotAction": "iam:GetUsr", "Resource": "*"}]})");
  ASSERT_EQ(doubts.size(), 2U);
  EXPECT_NE(doubts[1].find("iam:GetUser"), std::string::npos) << doubts[1];
  EXPECT_EQ(DoubtsOfPolicy(R"({"Statement": {"Effect": "Allow", "Action": "ssm:Bogus"}})").size(),
            1U);
  EXPECT_EQ(DoubtsOfPolicy(R"({"Statement": [{"Action": ["ssm:Bogus", "ssm:Bogus"]},
                                             {"NotAction": "ssm:Bogus"}]})")
                .size(),
            1U)
      << "the same typo is told once";
  for (const char* text : {"", "[]", "{", R"({"Statement": [1, {"Action": 7}]})"}) {
    EXPECT_TRUE(DoubtsOfPolicy(text).empty()) << text;
  }
  const std::string hostile = DoubtOfAction("ssm:\x1b[2J");
  EXPECT_EQ(hostile.find('\x1b'), std::string::npos) << hostile;
  EXPECT_EQ(DoubtOfAction("ssm:" + std::string(100'000, 'x')), "");
}

}  // namespace
}  // namespace client
