// Goal: an enrolment that comes to nothing leaves nothing behind. Method: the command itself, with
// lines that it cannot use, and a relay that is not there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include "agent/agent_commands.h"
#include "tests/support/temporary_folder.h"

namespace agent {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

class EnrollCommandTest : public ::testing::Test {
 protected:
  // Enroll pastes `line`; what it said is in error_.
  int Enroll(const std::string& line) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    EXPECT_EQ(::write(ends[1], line.data(), line.size()), static_cast<ssize_t>(line.size()));
    ::close(ends[1]);
    CaptureStderr();
    const int code =
        RunEnroll({.command = Command::kEnroll, .state_folder = State(), .name = {}}, ends[0]);
    error_ = GetCapturedStderr();
    ::close(ends[0]);
    return code;
  }
  std::string State() const { return folder_.path() + "/var/lib/agent"; }

  TemporaryFolder folder_;
  std::string error_;
};

TEST_F(EnrollCommandTest, WhatIsRefusedLeavesNoFolder) {
  // Port 1 of this machine: nobody listens there.
  const std::string nowhere = "adit-enroll relay=127.0.0.1:1 ca=sha256:" + std::string(64, 'a') +
                              " id=01234567-89ab-cdef-0123-456789abcdef code=abcd\n";
  for (const std::string& line : {std::string("hello\n"), std::string(), nowhere}) {
    EXPECT_EQ(Enroll(line), kExitFailed);
    EXPECT_THAT(error_, HasSubstr("adit-agent: "));
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << line;
  }
  EXPECT_THAT(error_, HasSubstr("127.0.0.1:1"));
}

TEST_F(EnrollCommandTest, AFolderThatWasThereStays) {
  std::filesystem::create_directories(State());
  EXPECT_EQ(Enroll("hello\n"), kExitFailed);
  EXPECT_TRUE(std::filesystem::exists(State()));
}

}  // namespace
}  // namespace agent
