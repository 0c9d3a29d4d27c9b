// Goal: a role is assumed once and kept until it is nearly over, and a code is asked for only when
// there is no other way. Method: a transport that counts, and a configuration folder of the test's.

#include "client/role_session.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "client/say.h"
#include "tests/support/temporary_folder.h"

namespace client {
namespace {

constexpr int64_t kNow = 1'800'000'000;  // 2027-01-15T08:00:00Z

class RoleSessionTest : public testing::Test {
 protected:
  // Enter returns the key that an API goes on with after a profile's role was entered.
  std::string Enter(const RoleWish& wish, int64_t now = kNow, const std::string& key = "AKIA") {
    ApiClient api(
        [this](engine::HttpRequest request) -> absl::StatusOr<engine::HttpResponse> {
          ++calls_;
          last_body_ = request.body;
          engine::HttpResponse response;
          response.body = "<AccessKeyId>ASIA" + std::to_string(calls_) +
                          "</AccessKeyId><Expiration>2027-01-15T09:00:00Z</Expiration>"
                          "<SecretAccessKey>se</SecretAccessKey><SessionToken>token</SessionToken>";
          return response;
        },
        "relay:443", {.access_key_id = key, .secret_access_key = "s", .role = wish},
        [now] { return now; });
    const RoleSession session(folder_ / "adit", "relay:443", [this](const std::string&) {
      ++asked_;
      return absl::StatusOr<std::string>("123456");
    });
    const absl::Status status = session.Enter(api, now);
    EXPECT_TRUE(status.ok()) << TextOf(status);
    return api.credentials().access_key_id;
  }

  TemporaryFolder folder_;
  int calls_ = 0;
  int asked_ = 0;
  std::string last_body_;
};

const RoleWish kWish{.role_arn = "arn:aws:iam::000000000000:role/ops", .mfa_serial = "serial"};

TEST_F(RoleSessionTest, ItIsAssumedOnceAndKeptUntilItIsNearlyOver) {
  EXPECT_EQ(Enter(kWish), "ASIA1");
  EXPECT_NE(last_body_.find("TokenCode=123456"), std::string::npos);
  EXPECT_EQ(Enter(kWish, kNow + 3600 - RoleSession::kSpareSeconds), "ASIA1");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(Enter(kWish, kNow + 3600 - RoleSession::kSpareSeconds + 1), "ASIA2");
}

TEST_F(RoleSessionTest, AnotherKeyOrRoleIsAnotherSession) {
  EXPECT_EQ(Enter(kWish), "ASIA1");
  EXPECT_EQ(Enter(kWish, kNow, "AKIAOTHER"), "ASIA2");
  RoleWish other = kWish;
  other.role_arn += "2";
  EXPECT_EQ(Enter(other), "ASIA3");
}

TEST_F(RoleSessionTest, NobodyElseMayReadWhatIsKept) {
  Enter(kWish);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "adit")) {
    struct stat facts {};
    ASSERT_EQ(::stat(entry.path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777u, 0600u);
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST_F(RoleSessionTest, WithoutADeviceNoCodeIsAskedFor) {
  EXPECT_EQ(Enter({.role_arn = kWish.role_arn}), "ASIA1");
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(last_body_.find("TokenCode"), std::string::npos);
}

}  // namespace
}  // namespace client
