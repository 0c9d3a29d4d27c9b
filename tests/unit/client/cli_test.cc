// Goal: command lines mean what their help says; above all, nothing of a remote command is ever
// taken for an option of ours. Method: argument lists and the values they become.

#include "client/cli.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/say.h"

namespace client {
namespace {

using Words = std::vector<std::string>;

template <class Options>
Options Parsed(const Words& words) {
  const auto line = ParseCommandLine(words);
  EXPECT_TRUE(line.ok()) << TextOf(line.status());
  if (!line.ok() || !std::holds_alternative<Options>(line->command)) {
    ADD_FAILURE() << "another command";
    return {};
  }
  return std::get<Options>(line->command);
}

std::string ErrorOf(const Words& words) {
  const auto line = ParseCommandLine(words);
  return line.ok() ? "" : TextOf(line.status());
}

TEST(CliTest, TheRemoteCommandKeepsItsOptions) {
  const auto exec = Parsed<ExecOptions>({"exec", "web", "--", "sh", "-c", "exit 7"});
  EXPECT_EQ(exec.node, "web");
  EXPECT_EQ(exec.command, (Words{"sh", "-c", "exit 7"}));
  EXPECT_FALSE(exec.with_terminal);
  EXPECT_EQ(Parsed<ExecOptions>({"exec", "web", "ls", "-t", "--relay", "x", "--help"}).command,
            (Words{"ls", "-t", "--relay", "x", "--help"}));
  EXPECT_EQ(Parsed<ExecOptions>({"exec", "web", "--", "--", "a"}).command, (Words{"--", "a"}));
  EXPECT_EQ(Parsed<ExecOptions>({"exec", "web", "--", "echo", "--", "é"}).command,
            (Words{"echo", "--", "é"}));
}

TEST(CliTest, AnOptionBehindTheNodeIsNotTakenForTheCommand) {
  const std::string error = ErrorOf({"exec", "web", "--bogus", "ls"});
  EXPECT_NE(error.find("options stand before NODE"), std::string::npos) << error;
  EXPECT_FALSE(ErrorOf({"exec", "web", "-t", "htop"}).empty());
  EXPECT_EQ(Parsed<ExecOptions>({"exec", "web", "--", "-t"}).command, (Words{"-t"}));
}

TEST(CliTest, OptionsOfExecStandBeforeTheNode) {
  const auto exec =
      Parsed<ExecOptions>({"exec", "-t", "--reason", "fix the disk", "web", "--", "df", "-h"});
  EXPECT_TRUE(exec.with_terminal);
  EXPECT_EQ(exec.reason, "fix the disk");
  EXPECT_EQ(exec.node, "web");
  EXPECT_EQ(exec.command, (Words{"df", "-h"}));
}

TEST(CliTest, CommonOptionsMayStandOnBothSidesOfTheCommand) {
  for (const Words& words :
       {Words{"--relay", "r:1", "exec", "web", "ls"}, Words{"exec", "--relay", "r:1", "web", "ls"},
        Words{"exec", "--relay=r:1", "web", "ls"}, Words{"shell", "web", "--relay", "r:1"}}) {
    const auto line = ParseCommandLine(words);
    ASSERT_TRUE(line.ok()) << TextOf(line.status());
    EXPECT_EQ(line->common.config.relay, "r:1");
  }
}

TEST(CliTest, ForwardsArePositionalOrAfterDashL) {
  auto forward = Parsed<ForwardOptions>({"forward", "web", "1:2", "3:h:4"});
  EXPECT_EQ(forward.node, "web");
  EXPECT_EQ(forward.forwards, (Words{"1:2", "3:h:4"}));
  forward = Parsed<ForwardOptions>({"forward", "-L", "1:2", "-L", "3:4", "web"});
  EXPECT_EQ(forward.node, "web");
  EXPECT_EQ(forward.forwards, (Words{"1:2", "3:4"}));
  forward = Parsed<ForwardOptions>({"forward", "web", "-L", "1:2", "3:4"});
  EXPECT_EQ(forward.forwards, (Words{"1:2", "3:4"}));
  forward = Parsed<ForwardOptions>({"forward", "web", "[::1]:1:[fe80::1]:2"});
  EXPECT_EQ(forward.forwards, (Words{"[::1]:1:[fe80::1]:2"}));
}

TEST(CliTest, PortsAreSealedAndProgramsInspectedUnlessTheUserChooses) {
  using enum CarriageChoice;
  EXPECT_EQ(Parsed<ForwardOptions>({"forward", "web", "1:2"}).carriage, kSealedIfPossible);
  EXPECT_EQ(Parsed<ForwardOptions>({"forward", "--sealed", "web", "1:2"}).carriage, kSealed);
  EXPECT_EQ(Parsed<ForwardOptions>({"forward", "web", "1:2", "--inspected"}).carriage, kInspected);
  EXPECT_EQ(Parsed<ProxyOptions>({"proxy", "web", "22"}).carriage, kSealedIfPossible);
  EXPECT_EQ(Parsed<ProxyOptions>({"proxy", "--sealed", "web", "22"}).carriage, kSealed);
  EXPECT_EQ(Parsed<ShellOptions>({"shell", "web"}).carriage, kAsDocumented);
  EXPECT_EQ(Parsed<ShellOptions>({"shell", "--inspected", "web"}).carriage, kInspected);
  EXPECT_EQ(Parsed<ShellOptions>({"shell", "--sealed", "web"}).carriage, kSealed);
  EXPECT_EQ(Parsed<ExecOptions>({"exec", "web", "ls", "--sealed"}).carriage, kAsDocumented);
  EXPECT_EQ(Parsed<ExecOptions>({"exec", "--inspected", "web", "ls"}).carriage, kInspected);
  EXPECT_EQ(Parsed<ExecOptions>({"exec", "--sealed", "web", "ls"}).carriage, kSealed);
  EXPECT_FALSE(ErrorOf({"shell", "--sealed", "--inspected", "web"}).empty());
}

TEST(CliTest, LanesAreAFewAndOfSealedForwards) {
  EXPECT_EQ(Parsed<ForwardOptions>({"forward", "web", "1:2"}).lanes, 0u);
  EXPECT_EQ(Parsed<ForwardOptions>({"forward", "--lanes", "16", "web", "1:2"}).lanes, 16u);
  EXPECT_FALSE(ErrorOf({"forward", "--lanes", "0", "web", "1:2"}).empty());
  EXPECT_FALSE(ErrorOf({"forward", "--lanes", "17", "web", "1:2"}).empty());
  EXPECT_NE(ErrorOf({"forward", "--lanes", "2", "--inspected", "web", "1:2"}).find("one lane"),
            std::string::npos);
}

TEST(CliTest, ProxyAndForgetTakeWhatTheySay) {
  const auto proxy = Parsed<ProxyOptions>({"proxy", "web", "db:5432", "--reason", "look"});
  EXPECT_EQ(proxy.node, "web");
  EXPECT_EQ(proxy.target, "db:5432");
  EXPECT_EQ(proxy.reason, "look");
  EXPECT_FALSE(ErrorOf({"proxy", "web"}).empty());
  EXPECT_EQ(Parsed<ForgetOptions>({"forget", "web"}).node, "web");
  EXPECT_FALSE(ErrorOf({"forget"}).empty());
}

TEST(CliTest, ListsTakeJson) {
  EXPECT_EQ(Parsed<NodesOptions>({"nodes"}).format, OutputFormat::kTable);
  EXPECT_EQ(Parsed<NodesOptions>({"nodes", "--json"}).format, OutputFormat::kJson);
  EXPECT_TRUE(Parsed<SessionsOptions>({"sessions", "--history", "--json"}).history);
  EXPECT_EQ(Parsed<TerminateOptions>({"terminate", "s-1"}).session, "s-1");
  const auto lookup =
      Parsed<AuditLookupOptions>({"audit", "lookup", "--by", "EventName=X", "-n", "7", "--json"});
  EXPECT_EQ(lookup.by, "EventName=X");
  EXPECT_EQ(lookup.count_max, 7u);
  EXPECT_EQ(lookup.format, OutputFormat::kJson);
  EXPECT_TRUE(Parsed<AuditTailOptions>({"audit", "tail", "-f"}).follow);
  EXPECT_EQ(Parsed<AuditVerifyOptions>({"audit", "verify", "d", "--first", "9"}).first, 9u);
}

TEST(CliTest, DocumentsAndActivationsArriveWhole) {
  using Verb = DocumentOptions::Verb;
  const auto put = Parsed<DocumentOptions>({"doc", "put", "Restart", "r.yaml", "--no-default"});
  EXPECT_EQ(put.verb, Verb::kPut);
  EXPECT_EQ(put.name, "Restart");
  EXPECT_EQ(put.file, "r.yaml");
  EXPECT_TRUE(put.keeps_default);
  EXPECT_EQ(Parsed<DocumentOptions>({"doc", "list", "--json"}).format, OutputFormat::kJson);
  EXPECT_EQ(Parsed<DocumentOptions>({"doc", "show", "R", "--version", "2"}).version, "2");
  EXPECT_EQ(Parsed<DocumentOptions>({"doc", "versions", "R"}).verb, Verb::kVersions);
  EXPECT_EQ(Parsed<DocumentOptions>({"doc", "delete", "R"}).verb, Verb::kDelete);
  const auto chosen = Parsed<DocumentOptions>({"doc", "default", "R", "3"});
  EXPECT_EQ(chosen.verb, Verb::kDefault);
  EXPECT_EQ(chosen.version, "3");
  EXPECT_NE(ErrorOf({"doc", "put", "R"}).find("adit doc put --help"), std::string::npos);

  const auto activate = Parsed<ActivateOptions>(
      {"activate", "--name", "db1", "--limit", "20", "--tag", "a=b", "--tag", "c=d"});
  EXPECT_EQ(activate.name, "db1");
  EXPECT_EQ(activate.limit, 20U);
  EXPECT_EQ(activate.expires, "24h");
  EXPECT_EQ(activate.tags, (std::vector<std::string>{"a=b", "c=d"}));
  EXPECT_FALSE(ErrorOf({"activate", "--limit", "0"}).empty());
}

TEST(CliTest, PoliciesAndUsersArriveWhole) {
  using Verb = PolicyOptions::Verb;
  const auto attach = Parsed<PolicyOptions>({"policy", "attach", "dev", "--group", "ops"});
  EXPECT_EQ(attach.verb, Verb::kAttach);
  EXPECT_EQ(attach.name, "dev");
  EXPECT_EQ(attach.subject.kind, IamSubject::Kind::kGroup);
  EXPECT_EQ(attach.subject.name, "ops");
  EXPECT_FALSE(ErrorOf({"policy", "attach", "dev"}).empty());
  EXPECT_FALSE(ErrorOf({"policy", "attach", "dev", "--user", "a", "--role", "b"}).empty());
  EXPECT_TRUE(Parsed<PolicyOptions>({"policy", "list"}).subject.name.empty());
  EXPECT_EQ(Parsed<PolicyOptions>({"policy", "put", "dev", "-"}).file, "-");
  const auto simulate = Parsed<PolicyOptions>({"policy", "simulate", "--role", "r", "--context",
                                               "a:b=c", "ssm:StartSession", "arn:1", "arn:2"});
  EXPECT_EQ(simulate.verb, Verb::kSimulate);
  EXPECT_EQ(simulate.subject.kind, IamSubject::Kind::kRole);
  EXPECT_EQ(simulate.action, "ssm:StartSession");
  EXPECT_EQ(simulate.resources, (std::vector<std::string>{"arn:1", "arn:2"}));
  EXPECT_EQ(simulate.context, (std::vector<std::string>{"a:b=c"}));

  const auto add = Parsed<UserOptions>({"user", "add", "alice", "--policy", "none"});
  EXPECT_EQ(add.verb, UserOptions::Verb::kAdd);
  EXPECT_EQ(add.name, "alice");
  EXPECT_EQ(add.policy, "none");
  EXPECT_EQ(Parsed<UserOptions>({"user", "keys", "alice", "--json"}).format, OutputFormat::kJson);
  EXPECT_EQ(Parsed<UserOptions>({"user", "revoke", "alice", "AKIA1"}).key_id, "AKIA1");
  EXPECT_FALSE(Parsed<UserOptions>({"user", "revoke", "alice", "AKIA1"}).is_forced);
  EXPECT_TRUE(Parsed<UserOptions>({"user", "revoke", "alice", "AKIA1", "--force"}).is_forced);
  EXPECT_EQ(Parsed<UserOptions>({"user", "mfa", "alice"}).verb, UserOptions::Verb::kMfa);
  EXPECT_FALSE(ErrorOf({"user", "key"}).empty());
  Parsed<ConfigureOptions>({"configure"});
}

TEST(CliTest, MistakesSayHowToGoOn) {
  EXPECT_NE(ErrorOf({}).find("--help"), std::string::npos);
  EXPECT_NE(ErrorOf({"shel", "web"}).find("'shel'"), std::string::npos);
  EXPECT_NE(ErrorOf({"exec", "web"}).find("adit exec web -- uptime"), std::string::npos);
  EXPECT_NE(ErrorOf({"forward", "web"}).find("5432:5432"), std::string::npos);
  EXPECT_NE(ErrorOf({"shell"}).find("adit shell --help"), std::string::npos);
  EXPECT_FALSE(ErrorOf({"shell", "a", "b"}).empty());
  EXPECT_FALSE(ErrorOf({"nodes", "--bogus"}).empty());
  EXPECT_FALSE(ErrorOf({"nodes", "--io", "kqueue"}).empty());
}

TEST(CliTest, AnOptionThatIsNoneIsToldFromTheOneThatWasMeant) {
  const auto says = [](const Words& words, std::string_view part) {
    const std::string error = ErrorOf(words);
    EXPECT_NE(error.find(part), std::string::npos) << error << " lacks " << part;
  };
  says({"exec", "--seald", "web", "--", "ls"},
       "adit exec has no option --seald; did you mean --sealed?");
  says({"exec", "--seald"}, "did you mean --sealed?");
  says({"shell", "web", "--inspect"}, "did you mean --inspected?");
  says({"forward", "--lane=2", "web", "1:2"}, "no option --lane; did you mean --lanes?");
  says({"policy", "attach", "p", "--usr", "alice"}, "did you mean --user?");
  says({"nodes", "--relya", "r:1"}, "did you mean --relay?");
  says({"nodes", "--frob"}, "adit nodes has no option --frob\nadit nodes --help");
  says({"nodes", "-x"}, "adit nodes has no option -x\n");
  // Before the command it is none of the command's, and so is the help.
  says({"--frob", "nodes"}, "adit has no option --frob\nadit --help");
  says({"--relay", "nodes", "--frob", "nodes"}, "adit has no option --frob\nadit --help");
  says({"--profle", "x", "nodes"}, "adit has no option --profle; did you mean --profile?");
  says({"--sealed", "shell", "web"}, "behind the command, as in: adit shell --sealed ...");
  says({"--frob"}, "adit has no option --frob\nadit --help");
}

TEST(CliTest, AWordThatDoesNotFitIsAnsweredWithWhatDoes) {
  const auto says = [](const Words& words, std::string_view part) {
    const std::string error = ErrorOf(words);
    EXPECT_NE(error.find(part), std::string::npos) << error << " lacks " << part;
  };
  says({"shel", "web"}, "there is no command 'shel'; did you mean shell?");
  says({"audit", "tial"}, "adit audit has no command 'tial'; did you mean tail?");
  says({"audit"}, "adit audit needs one of its commands: lookup, tail, verify\nadit audit --help");
  says({"db1"}, "there is no command 'db1'; a shell on a node is opened by: adit shell NODE");
  says({"db1", "nodes"}, "there is no command 'db1'");
  says({"logout"}, "what `adit login` keeps is in ~/.config/adit");
  says({"--io", "foo", "nodes"}, "\nadit --help");
  says({"--relay", "r:1", "web-1"}, "'web-1'");
  // As `ssh NODE COMMAND`.
  says({"shell", "db1", "ls"}, "adit exec db1 -- ls\n");
  says({"shell", "db1", "ls", "-l"}, "adit exec db1 -- ls -l\n");
  says({"shell", "db1", "--", "sh", "-c", "exit 7"}, "adit exec db1 -- sh -c 'exit 7'\n");
  says({"nodes", "web"}, "adit nodes does not take 'web'");
  says({"proxy", "web"}, "adit proxy needs [HOST:]PORT, as in: adit proxy [OPTIONS] NODE");
  says({"user", "key"}, "adit user key needs NAME");
  says({"shell", "a\x1B[2J", "b"}, "a\\x1b[2J");
}

TEST(CliTest, ASecretInTheWrongPlaceIsNotRepeated) {
  const Words line = {"adit-login", "relay=r:1", "ca=sha256:" + std::string(64, 'a'), "key=AKIA1",
                      "secret=hush"};
  Words in_one = {""};
  for (const std::string& word : line) in_one[0] += (in_one[0].empty() ? "" : " ") + word;
  for (Words words : {line, in_one}) {
    EXPECT_EQ(ErrorOf(words).find("hush"), std::string::npos) << ErrorOf(words);
    words.insert(words.begin(), "login");
    EXPECT_EQ(ErrorOf(words).find("hush"), std::string::npos) << ErrorOf(words);
    EXPECT_NE(ErrorOf(words).find("standard input"), std::string::npos) << ErrorOf(words);
  }
}

TEST(CliTest, HelpIsACommandToo) {
  EXPECT_EQ(Parsed<HelpText>({"help"}).text, Parsed<HelpText>({"--help"}).text);
  EXPECT_EQ(Parsed<HelpText>({"help", "exec"}).text, Parsed<HelpText>({"exec", "--help"}).text);
  EXPECT_EQ(Parsed<HelpText>({"help", "audit", "tail"}).text,
            Parsed<HelpText>({"audit", "tail", "--help"}).text);
  EXPECT_EQ(Parsed<ExecOptions>({"exec", "web", "help"}).command, (Words{"help"}));
  EXPECT_EQ(Parsed<ShellOptions>({"shell", "help"}).node, "help");
  EXPECT_EQ(Parsed<HelpText>({"version"}).text, Parsed<HelpText>({"--version"}).text);
}

TEST(CliTest, HelpBeginsWithExamplesForEveryCommand) {
  for (const char* command :
       {"login", "shell", "exec", "forward", "proxy", "forget", "nodes", "sessions", "terminate",
        "audit", "doc", "activate", "policy", "user", "configure"}) {
    const std::string help = Parsed<HelpText>({command, "--help"}).text;
    const size_t examples = help.find("Examples:");
    const size_t usage = help.find("Usage: adit " + std::string(command));
    ASSERT_NE(examples, std::string::npos) << help;
    ASSERT_NE(usage, std::string::npos) << help;
    EXPECT_LT(examples, usage) << help;
  }
  EXPECT_NE(Parsed<HelpText>({"--help"}).text.find("Examples:"), std::string::npos);
  const Words verbs[] = {
      {"audit", "lookup"},  {"audit", "tail"},    {"audit", "verify"},  {"doc", "list"},
      {"doc", "show"},      {"doc", "put"},       {"doc", "delete"},    {"doc", "versions"},
      {"doc", "default"},   {"policy", "list"},   {"policy", "show"},   {"policy", "put"},
      {"policy", "delete"}, {"policy", "attach"}, {"policy", "detach"}, {"policy", "simulate"},
      {"user", "add"},      {"user", "list"},     {"user", "delete"},   {"user", "key"},
      {"user", "keys"},     {"user", "revoke"},   {"user", "mfa"}};
  for (const Words& verb : verbs) {
    const std::string command = "adit " + verb[0] + " " + verb[1];
    const std::string help = Parsed<HelpText>({verb[0], verb[1], "--help"}).text;
    EXPECT_TRUE(help.starts_with(command + ": ")) << help;
    const size_t examples = help.find("\n\nExamples:\n");
    ASSERT_NE(examples, std::string::npos) << help;
    EXPECT_NE(help.find(command, examples), std::string::npos) << help;
    EXPECT_LT(examples, help.find("\n\nUsage: " + command)) << help;
    EXPECT_NE(help.find("\n\nUsage: " + command), std::string::npos) << help;
  }
  const std::string proxy = Parsed<HelpText>({"proxy", "--help"}).text;
  EXPECT_LT(proxy.find("ProxyCommand adit proxy %h %p"), proxy.find("Examples:"));
  EXPECT_EQ(Parsed<HelpText>({"--version"}).text.substr(0, 5), "adit ");
}

}  // namespace
}  // namespace client
