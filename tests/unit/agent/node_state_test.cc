// Goal: a node's key is never readable by others, and never half replaced.
// Method: a folder of its own; the file's modes and contents are looked at.

#include "agent/node_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "engine/platform/wall_clock.h"
#include "tests/support/tls_credentials.h"

namespace agent {
namespace {

using ::testing::HasSubstr;

class NodeStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/node_state.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    folder_ = root_ + "/deep/state";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  static mode_t ModeOf(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }

  static NodeState Example() {
    NodeState state = {
        {"relay.example.com", 443}, "mi-0123456789abcdef0", "db1", "KEY\nPEM\n", "CERT", "CA"};
    state.known_unix = 1'800'000'000;
    return state;
  }

  std::string root_;
  std::string folder_;
};

TEST_F(NodeStateTest, StateComesBackAsItWasSaved) {
  ASSERT_TRUE(PrepareStateFolder(folder_).ok());
  ASSERT_TRUE(SaveNodeState(folder_, Example()).ok());
  const absl::StatusOr<NodeState> loaded = LoadNodeState(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->relay, Example().relay);
  EXPECT_EQ(loaded->node_id, Example().node_id);
  EXPECT_EQ(loaded->name, Example().name);
  EXPECT_EQ(loaded->private_key_pem, Example().private_key_pem);
  EXPECT_EQ(loaded->certificate_pem, Example().certificate_pem);
  EXPECT_EQ(loaded->authority_pem, Example().authority_pem);
  EXPECT_EQ(loaded->known_unix, Example().known_unix);
}

TEST_F(NodeStateTest, AStateOfAnOlderVersionKnowsTheTimeByItsCertificate) {
  constexpr int64_t kPast = 1'600'000'000, kFuture = 4'000'000'000;
  ASSERT_TRUE(PrepareStateFolder(folder_).ok());
  const std::string member = "\"known_time\": 1800000000";
  const auto load = [&](int64_t not_before, const std::string& instead) {
    NodeState state = Example();
    state.certificate_pem = engine::test::TestAuthority()
                                .ClientIdentity("mi-0123456789abcdef0",
                                                {not_before, not_before + engine::test::kTestDay})
                                .certificate_chain_pem;
    EXPECT_TRUE(SaveNodeState(folder_, state).ok());
    std::string text;
    std::getline(std::ifstream(folder_ + "/node.json"), text, '\0');
    EXPECT_NE(text.find(member), std::string::npos);
    std::ofstream(folder_ + "/node.json")
        << text.replace(text.find(member), member.size(), instead);
    return LoadNodeState(folder_);
  };
  EXPECT_EQ(load(kPast, "\"older\": 1")->known_unix, kPast);
  // A relay whose clock was far ahead made it.
  EXPECT_LE(load(kFuture, "\"older\": 1")->known_unix, engine::UnixNow());
  EXPECT_TRUE(absl::IsInvalidArgument(load(kPast, "\"known_time\": \"x\"").status()));
}

TEST_F(NodeStateTest, WhatWasMadeInVainIsTakenAwayAndNothingElse) {
  std::filesystem::create_directory(root_ + "/deep");
  {
    MadeFolders made;
    ASSERT_TRUE(PrepareStateFolder(root_ + "/deep/er/state", made).ok());
    EXPECT_TRUE(std::filesystem::exists(root_ + "/deep/er/state"));
  }
  EXPECT_FALSE(std::filesystem::exists(root_ + "/deep/er"));
  EXPECT_TRUE(std::filesystem::exists(root_ + "/deep")) << "it was there before";
  {
    MadeFolders made;
    ASSERT_TRUE(PrepareStateFolder(folder_, made).ok());
    std::ofstream(folder_ + "/something") << "of somebody";
  }
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/something"));
  {
    MadeFolders made;
    ASSERT_TRUE(PrepareStateFolder(root_ + "/kept", made).ok());
    made.Keep();
  }
  EXPECT_TRUE(std::filesystem::exists(root_ + "/kept"));
}

TEST_F(NodeStateTest, AFolderOfOthersIsLeftOpen) {
  ASSERT_EQ(::chmod(root_.c_str(), 0755), 0);
  std::ofstream(root_ + "/something") << "of others";
  const absl::Status refused = PrepareStateFolder(root_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--state"));
  EXPECT_EQ(ModeOf(root_), 0755u);
}

TEST_F(NodeStateTest, NobodyElseMayReadFolderOrFile) {
  const mode_t before = ::umask(0);
  ASSERT_TRUE(PrepareStateFolder(folder_).ok());
  ASSERT_TRUE(SaveNodeState(folder_, Example()).ok());
  ::umask(before);
  EXPECT_EQ(ModeOf(folder_), 0700u);
  EXPECT_EQ(ModeOf(folder_ + "/node.json"), 0600u);
}

TEST_F(NodeStateTest, FolderThatOthersMayEnterIsClosedToThem) {
  std::filesystem::create_directories(folder_);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  ASSERT_TRUE(PrepareStateFolder(folder_).ok());
  EXPECT_EQ(ModeOf(folder_), 0700u);
}

TEST_F(NodeStateTest, ReplacingLeavesNothingBeside) {
  ASSERT_TRUE(PrepareStateFolder(folder_).ok());
  std::ofstream(folder_ + "/node.json.new") << "left by a crash";
  ASSERT_TRUE(SaveNodeState(folder_, Example()).ok());
  NodeState changed = Example();
  changed.certificate_pem = "NEW";
  ASSERT_TRUE(SaveNodeState(folder_, changed).ok());
  EXPECT_EQ(LoadNodeState(folder_)->certificate_pem, "NEW");
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++files;
  EXPECT_EQ(files, 1u);
}

TEST_F(NodeStateTest, MissingStateIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(LoadNodeState(folder_).status()));
}

TEST_F(NodeStateTest, StateThatOthersMayReadIsNotUsed) {
  ASSERT_TRUE(PrepareStateFolder(folder_).ok());
  ASSERT_TRUE(SaveNodeState(folder_, Example()).ok());
  ASSERT_EQ(::chmod((folder_ + "/node.json").c_str(), 0640), 0);
  const absl::Status status = LoadNodeState(folder_).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("chmod 600"));
}

TEST_F(NodeStateTest, DamagedStateSaysWhatToDo) {
  ASSERT_TRUE(PrepareStateFolder(folder_).ok());
  for (const char* text : {"", "{", "[]", "{\"relay\":1}", "{\"relay\":\"host:1\"}"}) {
    std::ofstream(folder_ + "/node.json") << text;
    ::chmod((folder_ + "/node.json").c_str(), 0600);
    const absl::Status status = LoadNodeState(folder_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("enroll --replace"));
  }
}

TEST_F(NodeStateTest, OneAgentAtATimeWorksWithTheState) {
  ASSERT_TRUE(PrepareStateFolder(folder_).ok());
  absl::StatusOr<Descriptor> first = LockStateFolder(folder_);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(absl::IsAlreadyExists(LockStateFolder(folder_).status()));
  first->Reset();
  EXPECT_TRUE(LockStateFolder(folder_).ok());
}

}  // namespace
}  // namespace agent
