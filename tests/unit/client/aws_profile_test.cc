// Goal: a profile is found in files as the AWS tools write and read them, roles included.

#include "client/aws_profile.h"

#include <gtest/gtest.h>

#include <string>

namespace client {
namespace {

constexpr char kConfig[] =
    "# a comment\n"
    "[default]\n"
    "region = eu-west-1\n"
    "aws_access_key_id = AKIADEFAULT\n"
    "[profile night]\r\n"
    "role_arn=arn:aws:iam::000000000000:role/night\r\n"
    "source_profile =  default \r\n"
    "s3 =\n"
    "  role_arn = nested\n"
    "mfa_serial = arn:aws:iam::000000000000:mfa/alice\n"
    "external_id = x=y\n"
    "role_session_name = me\n"
    "duration_seconds = 900\n"
    "[night]\n"
    "role_arn = not this\n"
    "[profilenight]\n"
    "role_arn = nor this\n";

TEST(AwsProfileTest, TheConfigFileNamesProfilesByAPrefixButForTheDefault) {
  const AwsProfile night = FindAwsProfile(kConfig, AwsFile::kConfig, "night");
  EXPECT_TRUE(night.found);
  EXPECT_EQ(night.role_arn, "arn:aws:iam::000000000000:role/night");
  EXPECT_EQ(night.source_profile, "default");
  EXPECT_EQ(night.mfa_serial, "arn:aws:iam::000000000000:mfa/alice");
  EXPECT_EQ(night.external_id, "x=y");
  EXPECT_EQ(night.role_session_name, "me");
  EXPECT_EQ(night.duration_seconds, "900");
  EXPECT_EQ(FindAwsProfile(kConfig, AwsFile::kConfig, "default").access_key_id, "AKIADEFAULT");
}

TEST(AwsProfileTest, TheCredentialsFileNamesThemAsTheyAre) {
  EXPECT_EQ(FindAwsProfile(kConfig, AwsFile::kCredentials, "night").role_arn, "not this");
}

TEST(AwsProfileTest, WhatIsNotThereIsNotFound) {
  EXPECT_FALSE(FindAwsProfile(kConfig, AwsFile::kConfig, "day").found);
  EXPECT_FALSE(FindAwsProfile("", AwsFile::kConfig, "default").found);
  const AwsProfile empty = FindAwsProfile("[profile day]\n", AwsFile::kConfig, "day");
  EXPECT_TRUE(empty.found);
  EXPECT_TRUE(empty.role_arn.empty());
}

TEST(AwsProfileTest, TheLastOfTwoEqualMembersWinsAndBrokenLinesArePassedOver) {
  const AwsProfile profile = FindAwsProfile(
      "[x\naws_access_key_id = a\n[x]\nnonsense\naws_access_key_id = b\naws_access_key_id = c",
      AwsFile::kCredentials, "x");
  EXPECT_EQ(profile.access_key_id, "c");
}

}  // namespace
}  // namespace client
