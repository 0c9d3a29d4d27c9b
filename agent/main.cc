// adit-agent: runs on the managed machine, dials out, never listens. No logic here.

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent_commands.h"
#include "agent/agent_config.h"
#include "agent/succession/successor_process.h"
#include "engine/base/version.h"
#include "engine/platform/signal_receiver.h"

int main(int argc, char** argv) {
  // A descriptor that is missing would be taken by the next socket.
  while (true) {
    const int descriptor = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (descriptor > STDERR_FILENO) ::close(descriptor);
    if (descriptor < 0 || descriptor > STDERR_FILENO) break;
  }
  ::umask(077);
  const bool is_root = ::geteuid() == 0;
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const agent::Environment environment = agent::ProcessEnvironment();
  const absl::StatusOr<agent::AgentConfig> config =
      agent::ParseArguments(arguments, environment, is_root);
  if (!config.ok()) {
    std::fprintf(stderr, "adit-agent: %s\n", std::string(config.status().message()).c_str());
    return agent::kExitUsage;
  }
  switch (config->command) {
    case agent::Command::kHelp:
      std::fputs(std::string(agent::HelpText()).c_str(), stdout);
      return agent::kExitDone;
    case agent::Command::kVersion:
      std::printf("adit-agent %s\n", engine::kVersion);
      return agent::kExitDone;
    case agent::Command::kEnroll:
      return agent::RunEnroll(*config, STDIN_FILENO);
    case agent::Command::kFingerprint:
      return agent::RunFingerprint(*config);
    case agent::Command::kRun:
      break;
  }
  engine::SignalReceiver::Block({SIGCHLD, SIGTERM, SIGINT, SIGUSR2});
  std::optional<agent::Predecessor> predecessor =
      agent::TakePredecessor(environment(agent::kPredecessorVariable));
  ::unsetenv(agent::kPredecessorVariable);
  size_t count = 0;
  while (environ[count] != nullptr) ++count;
  return agent::RunAgent(*config, agent::InheritedFrom({environ, count}, is_root), environment,
                         std::move(predecessor));
}
