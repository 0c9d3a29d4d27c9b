// Goal: the configuration is found where it should be, is only ever readable by its owner, and what
// overrides what is as documented. Method: a folder of the test's own and a table as environment.

#include "client/client_config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "client/say.h"

namespace client {
namespace {

class ClientConfigTest : public testing::Test {
 protected:
  ClientConfigTest() {
    std::string name = testing::TempDir() + "adit-config-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    variables_["HOME"] = folder_;
  }
  ~ClientConfigTest() override { std::filesystem::remove_all(folder_); }

  Environment Variables() {
    return [this](const char* name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
  }
  std::string WriteFile(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  static int ModeOf(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }

  std::string folder_;
  std::map<std::string, std::string> variables_;
};

const ClientConfig kConfig{.relay = "relay.example.net:443",
                           .ca_pem = "PEM\n",
                           .access_key_id = "AKIAEXAMPLE",
                           .secret_access_key = "very secret"};

TEST_F(ClientConfigTest, WhatWasSavedIsLoadedAgain) {
  const auto path = SaveConfig(Variables(), kConfig);
  ASSERT_TRUE(path.ok()) << TextOf(path.status());
  EXPECT_EQ(*path, folder_ + "/.config/adit/config.json");
  const auto loaded = LoadConfig(Variables(), {});
  ASSERT_TRUE(loaded.ok()) << TextOf(loaded.status());
  EXPECT_EQ(loaded->relay, kConfig.relay);
  EXPECT_EQ(loaded->ca_pem, kConfig.ca_pem);
  EXPECT_EQ(loaded->access_key_id, kConfig.access_key_id);
  EXPECT_EQ(loaded->secret_access_key, kConfig.secret_access_key);
}

TEST_F(ClientConfigTest, OnlyTheOwnerCanReadIt) {
  const mode_t before = ::umask(0);
  const auto path = SaveConfig(Variables(), kConfig);
  ::umask(before);
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(ModeOf(*path), 0600);
  EXPECT_EQ(ModeOf(folder_ + "/.config/adit"), 0700);
}

TEST_F(ClientConfigTest, SavingTwiceReplacesAndLeavesNothingBehind) {
  ASSERT_TRUE(SaveConfig(Variables(), kConfig).ok());
  ClientConfig other = kConfig;
  other.relay = "other:1";
  ASSERT_TRUE(SaveConfig(Variables(), other).ok());
  EXPECT_EQ(LoadConfig(Variables(), {})->relay, "other:1");
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/.config/adit")) {
    EXPECT_EQ(entry.path().filename(), "config.json");
    ++count;
  }
  EXPECT_EQ(count, 1u);
}

TEST_F(ClientConfigTest, ASecretThatOthersMayReadIsRefused) {
  const auto path = SaveConfig(Variables(), kConfig);
  ASSERT_EQ(::chmod(path->c_str(), 0640), 0);
  const auto loaded = LoadConfig(Variables(), {});
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(TextOf(loaded.status()).find("chmod 600 " + *path), std::string::npos);
  EXPECT_EQ(TextOf(loaded.status()).find("very secret"), std::string::npos);
}

TEST_F(ClientConfigTest, TheFolderFollowsVariablesInOrder) {
  EXPECT_EQ(ConfigFolder(Variables()), folder_ + "/.config/adit");
  variables_["XDG_CONFIG_HOME"] = "relative";
  EXPECT_EQ(ConfigFolder(Variables()), folder_ + "/.config/adit");
  variables_["XDG_CONFIG_HOME"] = "/xdg";
  EXPECT_EQ(ConfigFolder(Variables()), "/xdg/adit");
  variables_["ADIT_CONFIG_DIR"] = "/own";
  EXPECT_EQ(ConfigFolder(Variables()), "/own");
}

TEST_F(ClientConfigTest, FlagsOverrideVariablesWhichOverrideTheFile) {
  ASSERT_TRUE(SaveConfig(Variables(), kConfig).ok());
  variables_["ADIT_RELAY"] = "variable:1";
  variables_["ADIT_CA"] = WriteFile("variable.pem", "variable PEM");
  auto loaded = LoadConfig(Variables(), {});
  ASSERT_TRUE(loaded.ok()) << TextOf(loaded.status());
  EXPECT_EQ(loaded->relay, "variable:1");
  EXPECT_EQ(loaded->ca_pem, "variable PEM");
  EXPECT_EQ(loaded->access_key_id, kConfig.access_key_id);
  loaded =
      LoadConfig(Variables(), {.relay = "flag:2", .ca_file = WriteFile("flag.pem", "flag PEM")});
  ASSERT_TRUE(loaded.ok()) << TextOf(loaded.status());
  EXPECT_EQ(loaded->relay, "flag:2");
  EXPECT_EQ(loaded->ca_pem, "flag PEM");
}

TEST_F(ClientConfigTest, PatienceIsADayUnlessTheVariableSaysOtherwise) {
  EXPECT_EQ(*PatienceFrom(Variables()), std::chrono::hours(24));
  variables_["ADIT_PATIENCE"] = "0";
  EXPECT_EQ(*PatienceFrom(Variables()), std::chrono::seconds(0));
  variables_["ADIT_PATIENCE"] = "90";
  EXPECT_EQ(*PatienceFrom(Variables()), std::chrono::seconds(90));
  for (const char* text : {"a day", "-1", "1h", "99999999999"}) {
    variables_["ADIT_PATIENCE"] = text;
    EXPECT_FALSE(PatienceFrom(Variables()).ok()) << text;
  }
}

TEST_F(ClientConfigTest, NoFileIsAnEmptyConfiguration) {
  const auto loaded = LoadConfig(Variables(), {});
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded->relay.empty());
}

TEST_F(ClientConfigTest, BadFilesAreNamed) {
  const std::string path = WriteFile(".config/adit/config.json", "{ not json");
  auto loaded = LoadConfig(Variables(), {});
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(TextOf(loaded.status()).find(path), std::string::npos);
  WriteFile(".config/adit/config.json", R"({"relay": 7, "ca_pem": ["x"]})");
  loaded = LoadConfig(Variables(), {});
  ASSERT_TRUE(loaded.ok()) << "members of another kind count as absent";
  EXPECT_TRUE(loaded->relay.empty());
  loaded = LoadConfig(Variables(), {.relay = "", .ca_file = folder_ + "/none.pem"});
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(TextOf(loaded.status()).find("none.pem"), std::string::npos);
  loaded = LoadConfig(Variables(),
                      {.relay = "", .ca_file = WriteFile("big", std::string(300'000, 'x'))});
  EXPECT_FALSE(loaded.ok());
}

}  // namespace
}  // namespace client
