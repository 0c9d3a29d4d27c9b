// Goal: a node's identity is made once, kept where nobody else reads it, never lost without a word,
// and shown to whoever may read it.
// Method: a folder of its own; what is in it after each step, and what is printed.

#include "agent/node_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "agent/agent_commands.h"
#include "tests/support/temporary_folder.h"

namespace agent {
namespace {

using engine::crypto::IdentityFingerprint;
using engine::crypto::IdentityKey;
using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

class NodeIdentityTest : public ::testing::Test {
 protected:
  NodeIdentityTest() {
    config_.command = Command::kFingerprint;
    config_.state_folder = folder_;
    EXPECT_TRUE(PrepareStateFolder(folder_).ok());
  }

  // A state as a version wrote it that knew no identities.
  static NodeState Old() {
    return {{"relay.example.com", 443}, "mi-0123456789abcdef0", "db1", "KEY", "CERT", "CA", ""};
  }
  std::string File() const { return folder_ + "/node.json"; }
  std::string Text() const {
    std::ifstream file(File());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Write(const std::string& text) const {
    std::ofstream(File()) << text;
    ::chmod(File().c_str(), 0600);
  }

  // Fingerprint runs the command; what it printed is in out_ and error_.
  int Fingerprint() {
    CaptureStdout();
    CaptureStderr();
    const int code = RunFingerprint(config_);
    out_ = GetCapturedStdout();
    error_ = GetCapturedStderr();
    return code;
  }

  TemporaryFolder root_;
  const std::string folder_ = root_ / "state";
  AgentConfig config_;
  std::string out_, error_;
};

TEST_F(NodeIdentityTest, AStateWithoutOneGetsOneThatStays) {
  NodeState state = Old();
  ASSERT_TRUE(SaveNodeState(folder_, state).ok());
  const absl::StatusOr<IdentityKey> made = IdentityOf(folder_, state);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(state.identity_seed, made->seed_text());
  absl::StatusOr<NodeState> loaded = LoadNodeState(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->identity_seed, made->seed_text());
  EXPECT_EQ(loaded->certificate_pem, Old().certificate_pem);
  const absl::StatusOr<IdentityKey> again = IdentityOf(folder_, *loaded);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->public_key(), made->public_key());
  struct stat status {};
  ASSERT_EQ(::stat(File().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(NodeIdentityTest, TwoNodesHaveTwo) {
  NodeState one = Old(), other = Old();
  EXPECT_NE(IdentityOf(folder_, one)->public_key(), IdentityOf(folder_, other)->public_key());
}

TEST_F(NodeIdentityTest, OneThatCannotBeSavedIsNotUsed) {
  std::filesystem::remove_all(folder_);
  NodeState state = Old();
  EXPECT_FALSE(IdentityOf(folder_, state).ok());
  EXPECT_EQ(state.identity_seed, "");
}

TEST_F(NodeIdentityTest, ADamagedOneIsAnErrorThatSaysWhatToDoAndIsNotReplaced) {
  NodeState state = Old();
  ASSERT_TRUE(IdentityOf(folder_, state).ok());
  const std::string good = Text();
  const size_t at = good.find(state.identity_seed);
  ASSERT_NE(at, std::string::npos);
  for (const std::string& seed :
       {std::string(), std::string("AAAA"), state.identity_seed.substr(1), std::string(44, '*')}) {
    std::string damaged = good;
    damaged.replace(at, state.identity_seed.size(), seed);
    Write(damaged);
    const absl::Status status = LoadNodeState(folder_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << seed;
    EXPECT_THAT(std::string(status.message()), HasSubstr("enroll --replace"));
    EXPECT_EQ(Fingerprint(), kExitFailed);
    EXPECT_EQ(out_, "");
    EXPECT_THAT(error_, HasSubstr("enroll --replace"));
    EXPECT_EQ(Text(), damaged);
  }
}

TEST_F(NodeIdentityTest, TheFingerprintIsPrintedAloneOnItsLineWhileAnAgentRuns) {
  NodeState state = Old();
  const absl::StatusOr<IdentityKey> identity = IdentityOf(folder_, state);
  const absl::StatusOr<Descriptor> agents = LockStateFolder(folder_);
  ASSERT_TRUE(agents.ok());
  EXPECT_EQ(Fingerprint(), kExitDone);
  EXPECT_EQ(out_, IdentityFingerprint(identity->public_key()) + "\n");
  EXPECT_TRUE(out_.starts_with("SHA256:"));
  EXPECT_EQ(error_, "");
}

TEST_F(NodeIdentityTest, TheFingerprintOfAnOldStateIsThatOfTheIdentityThatItGets) {
  ASSERT_TRUE(SaveNodeState(folder_, Old()).ok());
  ASSERT_EQ(Fingerprint(), kExitDone) << error_;
  const std::string first = out_;
  ASSERT_EQ(Fingerprint(), kExitDone);
  EXPECT_EQ(out_, first);
  absl::StatusOr<NodeState> state = LoadNodeState(folder_);
  EXPECT_EQ(IdentityFingerprint(IdentityOf(folder_, *state)->public_key()) + "\n", first);
}

TEST_F(NodeIdentityTest, WhileAnOldAgentRunsNobodyMakesOneBehindItsBack) {
  ASSERT_TRUE(SaveNodeState(folder_, Old()).ok());
  const absl::StatusOr<Descriptor> agents = LockStateFolder(folder_);
  EXPECT_EQ(Fingerprint(), kExitFailed);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(error_, HasSubstr("Restart its agent"));
  EXPECT_EQ(LoadNodeState(folder_)->identity_seed, "");
}

TEST_F(NodeIdentityTest, AMachineThatIsNotEnrolledHasNoFingerprint) {
  EXPECT_EQ(Fingerprint(), kExitFailed);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(error_, HasSubstr("is not enrolled"));
  EXPECT_THAT(error_, HasSubstr("adit-agent enroll"));
}

}  // namespace
}  // namespace agent
