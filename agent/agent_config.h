#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/process/command_plan.h"
#include "engine/platform/create_loop.h"

namespace agent {

// Environment looks a variable of the process up; nullopt when it is not set. Tests pass a table.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

enum class Command { kEnroll, kRun, kFingerprint, kHelp, kVersion };

struct AgentConfig {
  Command command = Command::kHelp;
  std::string state_folder;
  std::string name;      // enroll: what to call the node; empty for the host's name.
  bool replace = false;  // enroll: over an identity that is there already.
  engine::LoopIo io = engine::LoopIo::kAuto;
};

// ParseArguments reads the arguments after the program's name. InvalidArgument: a text that says
// what is wrong and where help is.
absl::StatusOr<AgentConfig> ParseArguments(std::span<const std::string> arguments,
                                           const Environment& environment, bool is_root);

// kServiceStateFolder is where the service that we install has its state.
inline constexpr const char* kServiceStateFolder = "/var/lib/adit-agent";

// DefaultStateFolder is systemd's $STATE_DIRECTORY, else /var/lib/adit-agent for root, else below
// the user's own state folder.
std::string DefaultStateFolder(const Environment& environment, bool is_root);

// InheritedFrom picks what sessions may get of the process's environment.
InheritedEnvironment InheritedFrom(std::span<const char* const> variables, bool is_root);

// The text of --help: examples first.
std::string_view HelpText();

}  // namespace agent
