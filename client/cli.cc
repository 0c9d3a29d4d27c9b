#include "client/cli.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <string_view>

#include "CLI/CLI.hpp"
#include "client/activate_command.h"
#include "client/admin_cli.h"
#include "client/audit_command.h"
#include "client/audit_verify.h"
#include "client/command_output.h"
#include "client/configure_command.h"
#include "client/document_commands.h"
#include "client/environment.h"
#include "client/exec_command.h"
#include "client/exit_code.h"
#include "client/forget_command.h"
#include "client/forward_command.h"
#include "client/help_text.h"
#include "client/lane_set.h"
#include "client/list_commands.h"
#include "client/login_command.h"
#include "client/policy_commands.h"
#include "client/proxy_command.h"
#include "client/say.h"
#include "client/shell_command.h"
#include "client/subcommands.h"
#include "client/usage_error.h"
#include "client/user_commands.h"
#include "client/whoami_command.h"
#include "engine/base/log.h"
#include "engine/base/version.h"

namespace client {
namespace {

// The parser and what it writes into; CLI11 keeps references to both.
struct Parser {
  CLI::App app;
  CommonFlags common;
  ShellOptions shell;
  ExecOptions exec;
  ForwardOptions forward;
  ProxyOptions proxy;
  ForgetOptions forget;
  NodesOptions nodes;
  SessionsOptions sessions;
  TerminateOptions terminate;
  AuditLookupOptions lookup;
  AuditTailOptions tail;
  AuditVerifyOptions verify;
  std::vector<std::string> node_and_forwards;
  std::vector<std::string> dash_l;
  bool is_command_marked = false;  // By --.
  bool json = false;
  bool sealed = false;
  bool inspected = false;
  Subcommands subcommands{app};
  std::optional<AdminCli> admin;

  CLI::App* Add(const char* name, const char* what, std::string_view help, std::string_view usage) {
    return subcommands.Add(name, what, help, usage);
  }

  void AddAudit() {
    CLI::App* audit = subcommands.AddGroup("audit", "What was done, and is the record whole");
    const auto add = [&](const char* name, const char* what, std::string_view usage) {
      return subcommands.AddTo(audit, name, what, usage);
    };
    CLI::App* sub = add("lookup", "Find events", "audit lookup [OPTIONS]");
    sub->add_option("--by", lookup.by,
                    "EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, "
                    "EventSource or AccessKeyId, and its value")
        ->type_name("KEY=VALUE");
    sub->add_option("--since", lookup.since, "As 2026-11-27T10:00:00Z")->type_name("TIME");
    sub->add_option("--until", lookup.until, "As 2026-11-27T10:00:00Z")->type_name("TIME");
    sub->add_option("-n,--count", lookup.count_max, "At most so many, the newest first")
        ->check(CLI::Range(size_t{1}, kEventCountMax))
        ->type_name("N");
    sub->add_flag("--json", json, "One event a line, whole, in CloudTrail's form");
    sub = add("tail", "The newest events", "audit tail [OPTIONS]");
    sub->add_option("-n,--count", tail.count, "So many to begin with")
        ->check(CLI::Range(size_t{1}, kEventCountMax))
        ->type_name("N");
    sub->add_flag("-f,--follow", tail.follow, "Go on with those that come");
    sub->add_flag("--json", json, "One event a line, whole, in CloudTrail's form");
    sub = add("verify", "Check a folder of audit files", "audit verify [OPTIONS] DIR");
    sub->add_option("directory", verify.directory, "The folder, such as /var/lib/adit-relay/audit")
        ->required()
        ->type_name("DIR");
    sub->add_option("--key", verify.key, "The relay's public audit key: 64 hexadecimal digits")
        ->type_name("PUBLIC-KEY");
    sub->add_option("--first", verify.first, "The first record, when older files were moved away")
        ->type_name("N");
    subcommands.EndGroup(audit, kAuditHelp, "audit COMMAND ...");
  }

  void AddReason(CLI::App* sub, std::string& reason) {
    sub->add_option("--reason", reason, "Why; kept with the session in the audit record");
  }

  void AddCarriage(CLI::App* sub) {
    sub->add_flag("--sealed", sealed,
                  "End to end encrypted, or an error: the relay cannot read it");
    sub->add_flag("--inspected", inspected, "Through the relay, which can read it, or an error");
  }

  // What the user chose, or the command's own choice.
  CarriageChoice Carriage(CarriageChoice otherwise) const {
    if (sealed) return CarriageChoice::kSealed;
    return inspected ? CarriageChoice::kInspected : otherwise;
  }

  Parser() {
    app.name("adit");
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("adit ") + engine::kVersion);
    app.add_option("--relay", common.config.relay, "The relay")->type_name("HOST:PORT");
    app.add_option("--ca", common.config.ca_file, "File with the relay's CA (PEM)")
        ->type_name("FILE");
    app.add_option("--profile", common.profile, "Sign with this profile of the AWS files")
        ->type_name("NAME");
    app.add_option("--io", common.io, "How to talk to the kernel: auto, uring or epoll")
        ->check(CLI::IsMember({"auto", "uring", "epoll"}));

    Add("login", "Keep a relay's address, its CA and your key", kLoginHelp, "login");

    CLI::App* sub = Add("shell", "A shell on a node", kShellHelp, "shell [OPTIONS] NODE");
    sub->add_option("node", shell.node, "Name, id, or the beginning of either")
        ->required()
        ->type_name("NODE");
    sub->add_option("--document", shell.document, "A session document of the relay's")
        ->type_name("NAME");
    sub->add_option("--parameter", shell.parameters, "One of the document's parameters")
        ->type_name("NAME=VALUE")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all();
    AddCarriage(sub);
    AddReason(sub, shell.reason);

    sub = Add("exec", "Run one command on a node", kExecHelp,
              "exec [OPTIONS] NODE [--] COMMAND [ARGUMENT ...]");
    sub->add_flag("-t,--terminal", exec.with_terminal, "Give the command a terminal");
    sub->add_option("node", exec.node, "Name, id, or the beginning of either")
        ->required()
        ->type_name("NODE");
    AddCarriage(sub);
    AddReason(sub, exec.reason);

    sub = Add("forward", "A port here that leads to a port at or behind a node", kForwardHelp,
              "forward [OPTIONS] NODE [BIND:]LOCAL:[HOST:]PORT ...");
    sub->add_option("node", node_and_forwards, "The node, then forwards: [BIND:]LOCAL:[HOST:]PORT")
        ->required()
        ->type_name("NODE FORWARD ...");
    sub->add_option("-L", dash_l, "One more forward, as ssh has it")
        ->type_name("FORWARD")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all();
    AddCarriage(sub);
    sub->add_option("--lanes", forward.lanes, "Connections to the relay for each forward")
        ->type_name("N")
        ->check(CLI::Range(size_t{1}, LaneSet::kLanesMax));
    AddReason(sub, forward.reason);

    sub = Add("proxy", "One connection to a port, on standard input and output", kProxyHelp,
              "proxy [OPTIONS] NODE [HOST:]PORT");
    sub->add_option("node", proxy.node, "Name, id, or the beginning of either")
        ->required()
        ->type_name("NODE");
    sub->add_option("target", proxy.target, "What to connect to, as the node sees it")
        ->required()
        ->type_name("[HOST:]PORT");
    AddCarriage(sub);
    AddReason(sub, proxy.reason);

    sub = Add("nodes", "The machines that the relay knows", kNodesHelp, "nodes [OPTIONS]");
    sub->add_flag("--json", json, "One JSON object a line");

    sub = Add("sessions", "Who is where", kSessionsHelp, "sessions [OPTIONS]");
    sub->add_flag("--history", sessions.history, "Those that have ended");
    sub->add_flag("--json", json, "One JSON object a line");

    sub = Add("forget", "Forget the key by which a node is known", kForgetHelp, "forget NODE");
    sub->add_option("node", forget.node, "An id, or a name as it was at first contact")
        ->required()
        ->type_name("NODE");

    sub = Add("whoami", "Who the relay takes your key for", kWhoAmIHelp, "whoami [OPTIONS]");
    sub->add_flag("--json", json, "One JSON object in one line");

    AddAudit();

    sub = Add("terminate", "End a session", kTerminateHelp, "terminate SESSION");
    sub->add_option("session", terminate.session, "An id that `adit sessions` shows")
        ->required()
        ->type_name("SESSION");

    admin.emplace(subcommands, json);
  }

  // Help begins with the examples: they are what most people look for.
  std::string Help() {
    const Subcommand* chosen = subcommands.Chosen();
    if (chosen == nullptr) return std::string(kTopHelp) + "\n" + app.help();
    chosen->app->description("");  // The first line of the help says it.
    std::string options = chosen->app->help("adit");
    const size_t begin = std::min(options.find("Usage:"), options.size());
    options.replace(0, options.find('\n', begin), "\nUsage: adit " + std::string(chosen->usage));
    return std::string(chosen->help) + options;
  }
};

absl::Status UsageError(const Parser& parser, const std::string& text) {
  return absl::InvalidArgumentError(WithHelp(text, parser.subcommands.Chosen()));
}

// SplitRemoteCommand takes what follows NODE in `exec` off the arguments, so that no option of the
// remote's is mistaken for one of ours. `is_marked` says whether -- stands before it.
std::vector<std::string> SplitRemoteCommand(std::vector<std::string>& arguments, bool& is_marked) {
  constexpr std::string_view kWithValue[] = {"--relay", "--ca", "--profile", "--io", "--reason"};
  bool exec_seen = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      if (!exec_seen) return {};
      is_marked = true;
      std::vector<std::string> command(arguments.begin() + static_cast<ptrdiff_t>(i) + 1,
                                       arguments.end());
      arguments.resize(i);
      return command;
    }
    if (argument.starts_with('-')) {
      for (const std::string_view option : kWithValue) i += argument == option ? 1 : 0;
    } else if (!exec_seen) {
      if (argument != "exec") return {};
      exec_seen = true;
    } else {  // NODE.
      size_t begin = i + 1;
      is_marked = begin < arguments.size() && arguments[begin] == "--";
      if (is_marked) ++begin;
      std::vector<std::string> command(
          arguments.begin() + static_cast<ptrdiff_t>(std::min(begin, arguments.size())),
          arguments.end());
      arguments.resize(i + 1);
      return command;
    }
  }
  return {};
}

absl::StatusOr<CommandLine> Collect(Parser& parser) {
  if (parser.sealed && parser.inspected) {
    return UsageError(parser, "--sealed and --inspected exclude each other");
  }
  CommandLine line{.common = parser.common, .command = LoginOptions{}};
  const std::string& name = parser.subcommands.Chosen()->name;
  const OutputFormat format = parser.json ? OutputFormat::kJson : OutputFormat::kTable;
  if (name == "shell") {
    ShellOptions options = parser.shell;
    if (options.document.empty() && !options.parameters.empty()) {
      return UsageError(parser, "--parameter is for --document");
    }
    options.carriage = parser.Carriage(options.carriage);
    line.command = options;
  } else if (name == "exec") {
    if (parser.exec.command.empty()) {
      return UsageError(parser, "exec needs a command, as in: adit exec " +
                                    Printable(parser.exec.node) + " -- uptime");
    }
    // No program is called so: it is one of our options, or a slip.
    if (parser.exec.command.front().starts_with('-') && !parser.is_command_marked) {
      return UsageError(parser, "options stand before NODE; behind it, '" +
                                    Printable(parser.exec.command.front()) +
                                    "' would be the command, which -- before it says for sure");
    }
    ExecOptions options = parser.exec;
    options.carriage = parser.Carriage(options.carriage);
    line.command = options;
  } else if (name == "forward") {
    ForwardOptions options = parser.forward;
    options.carriage = parser.Carriage(options.carriage);
    options.node = parser.node_and_forwards.front();
    options.forwards = parser.dash_l;
    options.forwards.insert(options.forwards.end(), parser.node_and_forwards.begin() + 1,
                            parser.node_and_forwards.end());
    // Forwards have colons; nodes may, by names that other agents gave them.
    const bool is_node_missing =
        options.node.find(':') != std::string::npos &&
        (options.forwards.empty() || options.forwards.front().find(':') == std::string::npos);
    if (is_node_missing || options.forwards.empty()) {
      return UsageError(
          parser, is_node_missing
                      ? "the node comes first, as in: adit forward NODE " + Printable(options.node)
                      : "forward needs a port, as in: adit forward " + Printable(options.node) +
                            " 5432:5432");
    }
    if (options.lanes > 1 && options.carriage == CarriageChoice::kInspected) {
      return UsageError(parser,
                        "an inspected session has one lane; leave out --lanes, or "
                        "--inspected");
    }
    line.command = options;
  } else if (name == "proxy") {
    ProxyOptions options = parser.proxy;
    options.carriage = parser.Carriage(options.carriage);
    line.command = options;
  } else if (name == "forget") {
    line.command = parser.forget;
  } else if (name == "nodes") {
    line.command = NodesOptions{.format = format};
  } else if (name == "sessions") {
    line.command = SessionsOptions{.format = format, .history = parser.sessions.history};
  } else if (name == "whoami") {
    line.command = WhoAmIOptions{.format = format};
  } else if (name == "terminate") {
    line.command = parser.terminate;
  } else if (name == "audit lookup") {
    parser.lookup.format = format;
    line.command = parser.lookup;
  } else if (name == "audit tail") {
    parser.tail.format = format;
    line.command = parser.tail;
  } else if (name == "audit verify") {
    line.command = parser.verify;
  } else if (auto command = parser.admin->CommandOf(name, format)) {
    line.command = *std::move(command);
  }
  return line;
}

// FillStandardStreams opens /dev/null where a standard stream is closed (`>&-`), as ssh does: the
// next socket would take its number, and be read or written in its place.
void FillStandardStreams() {
  while (true) {
    const int descriptor = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (descriptor >= 0 && descriptor <= STDERR_FILENO) continue;
    if (descriptor >= 0) ::close(descriptor);
    return;
  }
}

struct RunVisitor {
  const CommonFlags& common;
  const Environment& environment;

  int operator()(const HelpText& help) const { return Print(help.text); }
  int operator()(const LoginOptions&) const { return RunLogin(common, environment); }
  int operator()(const ShellOptions& options) const {
    return RunShell(common, environment, options);
  }
  int operator()(const ExecOptions& options) const { return RunExec(common, environment, options); }
  int operator()(const ForwardOptions& options) const {
    return RunForward(common, environment, options);
  }
  int operator()(const ProxyOptions& options) const {
    return RunProxy(common, environment, options);
  }
  int operator()(const ForgetOptions& options) const { return RunForget(environment, options); }
  int operator()(const NodesOptions& options) const {
    return RunNodes(common, environment, options);
  }
  int operator()(const SessionsOptions& options) const {
    return RunSessions(common, environment, options);
  }
  int operator()(const WhoAmIOptions& options) const {
    return RunWhoAmI(common, environment, options);
  }
  int operator()(const TerminateOptions& options) const {
    return RunTerminate(common, environment, options);
  }
  int operator()(const AuditLookupOptions& options) const {
    return RunAuditLookup(common, environment, options);
  }
  int operator()(const AuditTailOptions& options) const {
    return RunAuditTail(common, environment, options);
  }
  int operator()(const AuditVerifyOptions& options) const { return RunAuditVerify(options); }
  int operator()(const DocumentOptions& options) const {
    return RunDocument(common, environment, options);
  }
  int operator()(const ActivateOptions& options) const {
    return RunActivate(common, environment, options);
  }
  int operator()(const PolicyOptions& options) const {
    return RunPolicy(common, environment, options);
  }
  int operator()(const UserOptions& options) const { return RunUser(common, environment, options); }
  int operator()(const ConfigureOptions&) const { return RunConfigure(common, environment); }
};

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> arguments) {
  Parser parser;
  parser.exec.command = SplitRemoteCommand(arguments, parser.is_command_marked);
  const size_t word = CommandWordIn(parser.app, arguments);
  if (word < arguments.size() && arguments[word] == "version") arguments[word] = "--version";
  if (word < arguments.size() && arguments[word] == "help") {
    arguments.erase(arguments.begin() + static_cast<ptrdiff_t>(word));
    arguments.emplace_back("--help");
  }
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // As CLI11 wants it.
  try {
    parser.app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return CommandLine{.common = {}, .command = HelpText{parser.Help()}};
  } catch (const CLI::CallForVersion& version) {
    return CommandLine{.common = {}, .command = HelpText{std::string(version.what()) + "\n"}};
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(
        UsageErrorText(parser.app, parser.subcommands, arguments, error));
  }
  return Collect(parser);
}

int RunCli(int argc, char** argv) {
  FillStandardStreams();
  std::signal(SIGPIPE, SIG_IGN);  // A closed pipe is an error of one write, not the end of us.
  engine::log::SetLevel(engine::log::Level::kWarning);  // People read this stderr.
  absl::StatusOr<CommandLine> line = ParseCommandLine({argv + std::min(argc, 1), argv + argc});
  if (!line.ok()) {
    Say(std::string(line.status().message()));
    return kOwnFailure;
  }
  const Environment environment = ProcessEnvironment();
  return std::visit(RunVisitor{line->common, environment}, line->command);
}

}  // namespace client
