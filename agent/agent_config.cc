#include "agent/agent_config.h"

#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace agent {
namespace {

constexpr size_t kNameSizeMax = 64;
constexpr std::string_view kTryHelp = ". Try: adit-agent --help";

absl::Status Wrong(const std::string& text) {
  return absl::InvalidArgumentError(text + std::string(kTryHelp));
}

// A node's name is typed by people on command lines, and shown in lists.
bool IsGoodName(std::string_view name) {
  if (name.empty() || name.size() > kNameSizeMax || name.front() == '-') return false;
  for (char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '-' && c != '_' && c != '.') return false;
  }
  return true;
}

// Flags are "--name value" or "--name=value".
struct Flag {
  std::string name;
  std::string value;
  size_t used = 0;  // Arguments.
};

bool IsFlag(std::string_view name, Command command) {
  return name == "--state" || name == "--io" || (name == "--name" && command == Command::kEnroll);
}

absl::StatusOr<Flag> ReadFlag(std::span<const std::string> rest, Command command) {
  const std::string& first = rest.front();
  const size_t equals = first.find('=');
  if (const std::string name = first.substr(0, equals); !IsFlag(name, command)) {
    return Wrong("unknown flag " + name);
  }
  if (equals != std::string::npos) {
    return Flag{first.substr(0, equals), first.substr(equals + 1), 1};
  }
  if (rest.size() < 2) return Wrong(first + " needs a value");
  return Flag{first, rest[1], 2};
}

absl::Status Apply(const Flag& flag, AgentConfig& config, std::string& io) {
  if (flag.name == "--state") {
    if (flag.value.empty()) return Wrong("--state needs the path of a folder");
    config.state_folder = flag.value;
  } else if (flag.name == "--io") {
    io = flag.value;
  } else {
    if (!IsGoodName(flag.value)) {
      return Wrong(absl::StrCat("--name needs 1 to ", kNameSizeMax,
                                " letters, digits, dots, dashes and underscores"));
    }
    config.name = flag.value;
  }
  return absl::OkStatus();
}

absl::StatusOr<Command> ReadCommand(const std::string& text) {
  if (text == "enroll" || text == "enrol") return Command::kEnroll;
  if (text == "run") return Command::kRun;
  if (text == "fingerprint") return Command::kFingerprint;
  if (text == "--help" || text == "-h" || text == "help") return Command::kHelp;
  if (text == "--version" || text == "version") return Command::kVersion;
  return Wrong("unknown command " + text);
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

std::string DefaultStateFolder(const Environment& environment, bool is_root) {
  if (const auto folder = environment("STATE_DIRECTORY")) {
    return folder->substr(0, folder->find(':'));  // systemd: several, separated by colons.
  }
  if (is_root) return kServiceStateFolder;
  if (const auto folder = environment("XDG_STATE_HOME")) return *folder + "/adit-agent";
  return environment("HOME").value_or("") + "/.local/state/adit-agent";
}

absl::StatusOr<AgentConfig> ParseArguments(std::span<const std::string> arguments,
                                           const Environment& environment, bool is_root) {
  AgentConfig config;
  if (arguments.empty()) return Wrong("say what to do: enroll, run or fingerprint");
  const absl::StatusOr<Command> command = ReadCommand(arguments.front());
  if (!command.ok()) return command.status();
  config.command = *command;
  config.state_folder = DefaultStateFolder(environment, is_root);
  std::string io;
  std::span<const std::string> rest = arguments.subspan(1);
  while (!rest.empty()) {
    if (rest.front() == "--help" || rest.front() == "-h") {
      config.command = Command::kHelp;
      return config;
    }
    if (rest.front() == "--replace" && config.command == Command::kEnroll) {
      config.replace = true;
      rest = rest.subspan(1);
      continue;
    }
    if (rest.front().starts_with("adit-enroll")) {
      return Wrong(
          "the adit-enroll line is read from the standard input, not from the arguments, "
          "where every user of this machine could see it");
    }
    if (!rest.front().starts_with("--")) return Wrong("unexpected argument " + rest.front());
    const absl::StatusOr<Flag> flag = ReadFlag(rest, config.command);
    if (!flag.ok()) return flag.status();
    const absl::Status applied = Apply(*flag, config, io);
    if (!applied.ok()) return applied;
    rest = rest.subspan(flag->used);
  }
  const absl::StatusOr<engine::LoopIo> chosen = engine::LoopIoFrom(io);
  if (!chosen.ok()) return chosen.status();
  config.io = *chosen;
  return config;
}

InheritedEnvironment InheritedFrom(std::span<const char* const> variables, bool is_root) {
  InheritedEnvironment inherited;
  for (const char* variable : variables) {
    const std::string_view text(variable);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals + 1 == text.size()) continue;
    if (!Inheritable(text.substr(0, equals), is_root)) continue;
    inherited.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return inherited;
}

std::string_view HelpText() {
  return R"(adit-agent: makes this machine a node that can be reached through its relay.
It dials out to the relay and listens on no port.

Examples:
  sudo adit-agent enroll                  then paste the adit-enroll line, Enter
  sudo adit-agent enroll --name db1 < line-from-the-relay
  sudo adit-agent run                     stays connected until it is stopped
  sudo adit-agent fingerprint             what a client shows at first contact

Commands:
  enroll   Reads the adit-enroll line that a relay printed, or an administrator made, from the
           standard input; makes a key that never leaves this machine, and gets a certificate.
  run      Connects to the relay, and again whenever the connection is lost. Run as root, sessions
           belong to the user `adit` (made on first use) or to the user that the relay names, never
           to root. Run as another user, sessions belong to that user. SIGTERM ends sessions, then
           the agent; SIGUSR2 starts the program anew in its place, with the same arguments, as
           another process with another id (in the log: agent_succeeded by=ID), and sessions go on
           in the old process until they end.
  fingerprint
           Prints the fingerprint of the key by which this node proves itself to clients in sealed
           sessions, as enroll does. A client shows it at its first contact with the node; it stays
           the same until the machine is enrolled anew.

Flags:
  --state DIR    Where the node's key and certificate are. Default: $STATE_DIRECTORY, else
                 /var/lib/adit-agent for root, ~/.local/state/adit-agent for others.
  --name NAME    enroll: what the node is called. Default: the host's name.
  --replace      enroll: give up the identity that is there already.
  --io BACKEND   auto, uring or epoll. Default: $ADIT_IO, else auto.
  --help, --version

Environment: AWS_ENDPOINT_URL_KMS, the key service for sessions that AWS's clients encrypt; default:
the relay.

Exit codes: 0 done, or stopped by a signal; 1 it failed, the reason is on the standard error;
2 wrong arguments.
)";
}

}  // namespace agent
