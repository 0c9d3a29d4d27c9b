// Goal: the key that signs is the one the user would expect, and a source that was named on purpose
// is never passed over in silence. Method: profile files in a folder of the test's own, and a table
// as environment.

#include "client/credentials.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "client/aws_profile.h"
#include "client/say.h"

namespace client {
namespace {

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() {
    std::string name = testing::TempDir() + "adit-aws-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::filesystem::create_directory(folder_ + "/.aws");
    variables_["HOME"] = folder_;
  }
  ~CredentialsTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/.aws/" + name) << text;
  }
  absl::StatusOr<Credentials> Find(const std::string& profile = "") {
    const Environment environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    return FindCredentials(environment, profile, config_);
  }

  std::string folder_;
  std::map<std::string, std::string> variables_;
  ClientConfig config_;
};

constexpr char kCredentialsFile[] =
    "# comment\n"
    "[default]\r\n"
    "aws_access_key_id = DEFAULT\r\n"
    "aws_secret_access_key=secret=with=equals\r\n"
    "\n"
    "[ work ]\n"
    "aws_access_key_id=WORK\n"
    "aws_secret_access_key = work secret\n"
    "aws_session_token = token\n"
    "[empty]\n";
constexpr char kConfigFile[] =
    "[profile elsewhere]\n"
    "region = adit\n"
    "s3 =\n"
    "  aws_access_key_id = NESTED\n"
    "aws_access_key_id = ELSEWHERE\n"
    "aws_secret_access_key = elsewhere secret\n"
    "[profile sso]\n"
    "sso_session = x\n"
    "[work]\n"
    "aws_access_key_id = NOT A PROFILE SECTION\n";

TEST_F(CredentialsTest, TheOrderIsFlagVariablesProfileLoginDefault) {
  Write("credentials", kCredentialsFile);
  Write("config", kConfigFile);
  EXPECT_EQ(Find()->access_key_id, "DEFAULT");
  EXPECT_EQ(Find()->secret_access_key, "secret=with=equals");
  config_.access_key_id = "LOGIN";
  config_.secret_access_key = "login secret";
  EXPECT_EQ(Find()->access_key_id, "LOGIN");
  variables_["AWS_PROFILE"] = "elsewhere";
  EXPECT_EQ(Find()->access_key_id, "ELSEWHERE");
  variables_["AWS_ACCESS_KEY_ID"] = "VARIABLE";
  variables_["AWS_SECRET_ACCESS_KEY"] = "variable secret";
  variables_["AWS_SESSION_TOKEN"] = "variable token";
  EXPECT_EQ(Find()->access_key_id, "VARIABLE");
  EXPECT_EQ(Find()->session_token, "variable token");
  EXPECT_EQ(Find("work")->access_key_id, "WORK");
  EXPECT_EQ(Find("work")->session_token, "token");
}

TEST_F(CredentialsTest, ANamedProfileThatIsMissingIsAnError) {
  Write("credentials", kCredentialsFile);
  config_.access_key_id = "LOGIN";
  config_.secret_access_key = "login secret";
  variables_["AWS_PROFILE"] = "nobody";
  ASSERT_FALSE(Find().ok());
  EXPECT_NE(TextOf(Find().status()).find("'nobody' (AWS_PROFILE)"), std::string::npos);
  EXPECT_FALSE(Find("nobody").ok());
}

TEST_F(CredentialsTest, AProfileWithoutAKeySaysWhatIsNotSupported) {
  Write("credentials", kCredentialsFile);
  Write("config", kConfigFile);
  EXPECT_NE(TextOf(Find("sso").status()).find("not supported"), std::string::npos);
  EXPECT_NE(TextOf(Find("empty").status()).find("aws_access_key_id"), std::string::npos);
}

TEST_F(CredentialsTest, HalfAPairOfVariablesIsAnError) {
  variables_["AWS_ACCESS_KEY_ID"] = "VARIABLE";
  ASSERT_FALSE(Find().ok());
  EXPECT_NE(TextOf(Find().status()).find("AWS_SECRET_ACCESS_KEY"), std::string::npos);
}

TEST_F(CredentialsTest, WithoutAnyKeyTheNextStepIsSaid) {
  ASSERT_FALSE(Find().ok());
  EXPECT_NE(TextOf(Find().status()).find("adit login"), std::string::npos);
}

TEST_F(CredentialsTest, FilesMayBeElsewhere) {
  Write("other", "[x]\naws_access_key_id=OTHER\naws_secret_access_key=s\n");
  variables_["AWS_SHARED_CREDENTIALS_FILE"] = folder_ + "/.aws/other";
  EXPECT_EQ(Find("x")->access_key_id, "OTHER");
}

TEST_F(CredentialsTest, SectionsAreNamedDifferentlyInTheTwoFiles) {
  EXPECT_TRUE(FindAwsProfile("[profile a]\n", AwsFile::kConfig, "a").found);
  EXPECT_FALSE(FindAwsProfile("[a]\n", AwsFile::kConfig, "a").found);
  EXPECT_TRUE(FindAwsProfile("[default]\n", AwsFile::kConfig, "default").found);
  EXPECT_FALSE(FindAwsProfile("[profilea]\n", AwsFile::kConfig, "a").found);
  EXPECT_TRUE(FindAwsProfile("[a]", AwsFile::kCredentials, "a").found);
  EXPECT_FALSE(FindAwsProfile("[a\n", AwsFile::kCredentials, "a").found);
}

constexpr char kRolesFile[] =
    "[profile night]\n"
    "role_arn = arn:aws:iam::000000000000:role/night\n"
    "source_profile = work\n"
    "mfa_serial = arn:aws:iam::000000000000:mfa/alice\n"
    "external_id = x\n"
    "role_session_name = alice\n"
    "duration_seconds = 900\n"
    "[profile variables]\n"
    "role_arn = arn:aws:iam::000000000000:role/v\n"
    "credential_source = Environment\n"
    "[profile work]\n"
    "region = adit\n"
    "[profile itself]\n"
    "role_arn = arn:aws:iam::000000000000:role/i\n"
    "source_profile = itself\n"
    "aws_access_key_id = ITSELF\n"
    "aws_secret_access_key = s\n"
    "[profile chain]\n"
    "role_arn = arn:aws:iam::000000000000:role/c\n"
    "source_profile = night\n"
    "[profile machine]\n"
    "role_arn = arn:aws:iam::000000000000:role/m\n"
    "credential_source = Ec2InstanceMetadata\n"
    "[profile alone]\n"
    "role_arn = arn:aws:iam::000000000000:role/a\n"
    "[profile long]\n"
    "role_arn = arn:aws:iam::000000000000:role/l\n"
    "source_profile = work\n"
    "duration_seconds = 1h\n";

TEST_F(CredentialsTest, AProfileMayWantARoleWithTheKeyOfAnother) {
  Write("credentials", kCredentialsFile);
  Write("config", kRolesFile);
  const auto night = Find("night");
  ASSERT_TRUE(night.ok()) << TextOf(night.status());
  EXPECT_EQ(night->access_key_id, "WORK");
  EXPECT_EQ(night->session_token, "token");
  ASSERT_TRUE(night->role.has_value());
  EXPECT_EQ(night->role->role_arn, "arn:aws:iam::000000000000:role/night");
  EXPECT_EQ(night->role->mfa_serial, "arn:aws:iam::000000000000:mfa/alice");
  EXPECT_EQ(night->role->external_id, "x");
  EXPECT_EQ(night->role->session_name, "alice");
  EXPECT_EQ(night->role->duration_seconds, 900);
  EXPECT_FALSE(Find("work")->role.has_value());
  EXPECT_EQ(Find("itself")->access_key_id, "ITSELF");
  EXPECT_TRUE(Find("itself")->role.has_value());
}

TEST_F(CredentialsTest, ARolesKeyMayBeThatOfTheEnvironment) {
  Write("config", kRolesFile);
  EXPECT_NE(TextOf(Find("variables").status()).find("AWS_ACCESS_KEY_ID"), std::string::npos);
  variables_["AWS_ACCESS_KEY_ID"] = "VARIABLE";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(Find("variables")->access_key_id, "VARIABLE");
  EXPECT_EQ(Find("variables")->role->role_arn, "arn:aws:iam::000000000000:role/v");
}

TEST_F(CredentialsTest, ARoleThatCannotBeAssumedSaysWhyAndWhatToDo) {
  Write("credentials", kCredentialsFile);
  Write("config", kRolesFile);
  const auto says = [&](const char* profile, const char* words) {
    const auto found = Find(profile);
    return !found.ok() && TextOf(found.status()).find(words) != std::string::npos;
  };
  EXPECT_TRUE(says("chain", "name a profile with a key"));
  EXPECT_TRUE(says("machine", "only Environment is supported"));
  EXPECT_TRUE(says("alone", "add source_profile = NAME"));
  EXPECT_TRUE(says("long", "write 3600 for an hour"));
}

}  // namespace
}  // namespace client
