// Goal: wrong arguments are named, and defaults are where the help says.
// Method: argument lists and a table for the environment.

#include "agent/agent_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<AgentConfig> Parse(const std::vector<std::string>& arguments,
                                  const std::map<std::string, std::string>& variables = {},
                                  bool is_root = true) {
  return ParseArguments(
      arguments,
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      },
      is_root);
}

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const absl::StatusOr<AgentConfig> config = Parse(arguments);
  EXPECT_TRUE(absl::IsInvalidArgument(config.status()));
  return std::string(config.status().message());
}

TEST(AgentConfigTest, FlagsTakeTheirValueInBothForms) {
  const absl::StatusOr<AgentConfig> config =
      Parse({"enroll", "--state", "/s", "--name=db1", "--replace", "--io", "epoll"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->command, Command::kEnroll);
  EXPECT_EQ(config->state_folder, "/s");
  EXPECT_EQ(config->name, "db1");
  EXPECT_TRUE(config->replace);
  EXPECT_EQ(config->io, engine::LoopIo::kEpoll);
}

TEST(AgentConfigTest, StateIsWhereTheHelpSays) {
  EXPECT_EQ(Parse({"run"})->state_folder, "/var/lib/adit-agent");
  EXPECT_EQ(Parse({"run"}, {{"STATE_DIRECTORY", "/a:/b"}})->state_folder, "/a");
  EXPECT_EQ(Parse({"run"}, {{"HOME", "/h"}}, false)->state_folder, "/h/.local/state/adit-agent");
  EXPECT_EQ(Parse({"run"}, {{"XDG_STATE_HOME", "/x"}}, false)->state_folder, "/x/adit-agent");
}

TEST(AgentConfigTest, WrongArgumentsAreNamed) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("enroll, run or fingerprint"));
  EXPECT_THAT(ErrorOf({"walk"}), HasSubstr("unknown command walk"));
  EXPECT_THAT(ErrorOf({"run", "--color", "x"}), HasSubstr("unknown flag --color"));
  EXPECT_THAT(ErrorOf({"run", "--bogus"}), HasSubstr("unknown flag --bogus"));
  EXPECT_THAT(ErrorOf({"run", "--bogus=x"}), HasSubstr("unknown flag --bogus."));
  EXPECT_THAT(ErrorOf({"run", "--name", "x"}), HasSubstr("unknown flag --name"));
  EXPECT_THAT(ErrorOf({"run", "--state"}), HasSubstr("--state needs a value"));
  EXPECT_THAT(ErrorOf({"run", "extra"}), HasSubstr("unexpected argument extra"));
  EXPECT_THAT(ErrorOf({"run", "--io", "kqueue"}), HasSubstr("uring"));
  EXPECT_THAT(ErrorOf({"enroll", "--name", "a b"}), HasSubstr("--name needs"));
}

TEST(AgentConfigTest, SecretInTheArgumentsIsRefusedAndNotRepeated) {
  const std::string error = ErrorOf({"enroll", "adit-enroll relay=h:1 code=hunter2"});
  EXPECT_THAT(error, HasSubstr("standard input"));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("hunter2")));
}

TEST(AgentConfigTest, HelpIsAnsweredEverywhere) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--help"}, {"help"}, {"run", "--help"}}) {
    EXPECT_EQ(Parse(arguments)->command, Command::kHelp);
  }
  EXPECT_EQ(Parse({"--version"})->command, Command::kVersion);
  EXPECT_LT(HelpText().find("Examples:"), HelpText().find("Flags:"));
}

TEST(AgentConfigTest, SessionsInheritTheAllowListOnly) {
  const char* variables[] = {"LANG=C.UTF-8", "LC_ALL=", "SECRET=1", "PATH=/bin", "broken"};
  EXPECT_THAT(InheritedFrom(variables, true), ElementsAre(Pair("LANG", "C.UTF-8")));
  EXPECT_THAT(InheritedFrom(variables, false),
              ElementsAre(Pair("LANG", "C.UTF-8"), Pair("PATH", "/bin")));
}

}  // namespace
}  // namespace agent
