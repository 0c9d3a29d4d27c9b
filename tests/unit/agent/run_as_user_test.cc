// Goal: nobody gets a session as a user whom this machine does not permit.
// Method: the table of run_as_user.h against the real user database, read only.

#include "agent/process/run_as_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <string>

namespace agent {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kDaemon = 1;  // On every Debian.

TEST(RunAsUserTest, AgentOfAUserStartsProgramsAsThatUser) {
  const absl::StatusOr<RunAsUser> user = ChooseRunAsUser("", kDaemon);
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->name, "daemon");
  EXPECT_EQ(user->uid, kDaemon);
  EXPECT_FALSE(user->change_identity);
  EXPECT_TRUE(ChooseRunAsUser("daemon", kDaemon).ok());
}

TEST(RunAsUserTest, AgentOfAUserRefusesEverybodyElseByName) {
  const absl::StatusOr<RunAsUser> user = ChooseRunAsUser("bin", kDaemon);
  EXPECT_TRUE(absl::IsPermissionDenied(user.status()));
  EXPECT_THAT(std::string(user.status().message()), HasSubstr("as user daemon"));
  EXPECT_THAT(std::string(user.status().message()), HasSubstr("not as bin"));
}

TEST(RunAsUserTest, RootIsRefusedUnderItsOwnNameOnEveryAgent) {
  EXPECT_TRUE(absl::IsPermissionDenied(ChooseRunAsUser("root", 0).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(ChooseRunAsUser("root", kDaemon).status()));
}

TEST(RunAsUserTest, AgentOfRootTakesAnExistingUserWithItsGroupsAndHome) {
  const absl::StatusOr<RunAsUser> user = ChooseRunAsUser("daemon", 0);
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->uid, kDaemon);
  EXPECT_TRUE(user->change_identity);
  EXPECT_FALSE(user->groups.empty());
  EXPECT_FALSE(user->home.empty());
}

TEST(RunAsUserTest, UserThatDoesNotExistIsRefusedWithItsName) {
  const absl::StatusOr<RunAsUser> user = ChooseRunAsUser("no-such-user", 0);
  EXPECT_TRUE(absl::IsPermissionDenied(user.status()));
  EXPECT_THAT(std::string(user.status().message()), HasSubstr("no user no-such-user"));
}

TEST(RunAsUserTest, NamesThatNoUserCanHaveAreRefusedUnread) {
  EXPECT_TRUE(absl::IsPermissionDenied(ChooseRunAsUser(std::string(65, 'a'), 0).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(ChooseRunAsUser(std::string("a\0b", 3), 0).status()));
}

TEST(RunAsUserTest, UidWithoutAnEntryIsSaidToHaveNone) {
  const absl::StatusOr<RunAsUser> user = ChooseRunAsUser("", 3'999'999'999u);
  EXPECT_TRUE(absl::IsFailedPrecondition(user.status()));
}

}  // namespace
}  // namespace agent
