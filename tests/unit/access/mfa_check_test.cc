// Goal: a code counts for its user's device, once, and guessing has a limit. Method: a user with a
// device over a store, at times of the test's choosing.

#include "relay/access/mfa_check.h"

#include <gtest/gtest.h>

#include "relay/access/one_time_code.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/iam_user.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

constexpr int64_t kNow = 1'700'000'010;  // In the middle of a step.
const std::string kSeed = "12345678901234567890";

class MfaCheckTest : public testing::Test {
 protected:
  MfaCheckTest() {
    auto opened = SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store = *std::move(opened);
    AddAdministrator(*store, {.id = "AKIA", .user_name = "alice", .secret = "s"});
    IamMfaDevice device{.name = "phone", .seed = kSeed, .user_id = "AIDAalice"};
    serial = device.SerialNumber();
    EXPECT_TRUE(store->Iam().AddMfaDevice(device).ok());
    EXPECT_TRUE(store->Iam().AddMfaDevice({.name = "drawer", .seed = kSeed}).ok());
  }
  bool Takes(const std::string& code, int64_t now = kNow) {
    return !check.Check(*store, "AIDAalice", serial, code, now * 1000).has_value();
  }
  std::string Right(int64_t now = kNow) {
    return OneTimeCode(engine::AsBytes(kSeed), now / kCodeStepSeconds);
  }
  std::string WrongCode() { return Right() == "000000" ? "000001" : "000000"; }

  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store;
  std::string serial;
  MfaCheck check;
};

TEST_F(MfaCheckTest, ACodeCountsOnce) {
  EXPECT_TRUE(Takes(Right()));
  EXPECT_FALSE(Takes(Right()));
  EXPECT_TRUE(Takes(Right(kNow + 30), kNow + 30));
}

TEST_F(MfaCheckTest, ACodeIsUsedUpThoughTheCallIsTakenBack) {
  ASSERT_TRUE(store->Begin().ok());
  EXPECT_TRUE(Takes(Right()));
  store->Rollback();
  EXPECT_FALSE(Takes(Right()));
}

TEST_F(MfaCheckTest, ACodeStaysUsedUpInTheNextProcess) {
  EXPECT_TRUE(Takes(Right()));
  MfaCheck next;
  EXPECT_TRUE(next.Check(*store, "AIDAalice", serial, Right(), kNow * 1000).has_value());
}

TEST_F(MfaCheckTest, ASerialNumberInOtherLettersIsTheSameDeviceWithTheSameLimit) {
  const std::string own = serial;
  serial.replace(serial.size() - 5, 5, "PHONE");
  ASSERT_NE(serial, own);
  EXPECT_TRUE(Takes(Right()));
  EXPECT_FALSE(Takes(Right())) << "used up in one spelling, used up in all";
  serial = own;
  EXPECT_FALSE(Takes(Right()));
  for (int i = 0; i < MfaCheck::kFailuresMax; ++i) {
    serial.back() = i % 2 == 0 ? 'E' : 'e';
    EXPECT_FALSE(Takes(WrongCode(), kNow + 60));
  }
  serial = own;
  EXPECT_FALSE(Takes(Right(kNow + 60), kNow + 60)) << "too many were wrong";
}

TEST_F(MfaCheckTest, TheDeviceMustBeTheUsersAndEnabled) {
  const auto error = check.Check(*store, "AIDAother", serial, Right(), kNow * 1000);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "AccessDeniedException");
  const std::string drawer = IamMfaDevice{.name = "drawer"}.SerialNumber();
  for (const std::string& other : {drawer, std::string("arn:aws:iam::000000000000:mfa/none")}) {
    EXPECT_EQ(check.Check(*store, "AIDAalice", other, Right(), kNow * 1000)->message,
              error->message);
    EXPECT_TRUE(check.Check(*store, "", other, Right(), kNow * 1000).has_value());
  }
}

TEST_F(MfaCheckTest, AfterFiveWrongCodesTheRightOneHasToWait) {
  for (int i = 0; i < MfaCheck::kFailuresMax; ++i) EXPECT_FALSE(Takes(WrongCode()));
  EXPECT_FALSE(Takes(Right()));
  const int64_t later = kNow + MfaCheck::kFailuresWindowMs / 1000 + 1;
  EXPECT_TRUE(Takes(Right(later), later));
}

TEST_F(MfaCheckTest, ARightCodeForgetsTheWrongOnesBefore) {
  for (int i = 0; i < MfaCheck::kFailuresMax - 1; ++i) EXPECT_FALSE(Takes(WrongCode()));
  EXPECT_TRUE(Takes(Right()));
  for (int i = 0; i < MfaCheck::kFailuresMax - 1; ++i) EXPECT_FALSE(Takes(WrongCode()));
  EXPECT_TRUE(Takes(Right(kNow + 30), kNow + 30));
}

}  // namespace
}  // namespace relay
