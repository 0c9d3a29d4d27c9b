#include "agent/process/command_plan.h"

#include <algorithm>

namespace agent {
namespace {

constexpr std::string_view kDefaultPath =
    "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
constexpr std::string_view kDefaultLanguage = "C.UTF-8";
constexpr std::string_view kDefaultTerminal = "xterm-256color";

std::string Variable(std::string_view name, std::string_view value) {
  return std::string(name).append("=").append(value);
}

bool Has(const InheritedEnvironment& variables, std::string_view name) {
  return std::any_of(variables.begin(), variables.end(),
                     [name](const auto& variable) { return variable.first == name; });
}

std::string_view TerminalName(const std::string& terminal) {
  return terminal.empty() ? kDefaultTerminal : std::string_view(terminal);
}

}  // namespace

bool Inheritable(std::string_view name, bool agent_is_root) {
  return name == "LANG" || name.starts_with("LC_") || (name == "PATH" && !agent_is_root);
}

std::vector<std::string> SessionEnvironment(const RunAsUser& user,
                                            const InheritedEnvironment& inherited,
                                            std::string_view session_id,
                                            std::string_view terminal) {
  std::vector<std::string> environment{
      Variable("HOME", user.home),
      Variable("USER", user.name),
      Variable("LOGNAME", user.name),
      Variable("SHELL", user.shell),
      Variable("ADIT_SESSION_ID", session_id),
  };
  if (!terminal.empty()) environment.push_back(Variable("TERM", terminal));
  if (!Has(inherited, "PATH")) environment.push_back(Variable("PATH", kDefaultPath));
  // Without any language set, programs take UTF-8 apart byte by byte.
  if (!Has(inherited, "LANG")) environment.push_back(Variable("LANG", kDefaultLanguage));
  for (const auto& [name, value] : inherited) environment.push_back(Variable(name, value));
  return environment;
}

SpawnRequest PlanShell(const engine::ShellRequest& request, const RunAsUser& user,
                       const InheritedEnvironment& inherited) {
  SpawnRequest plan;
  plan.user = user;
  plan.program = user.shell;
  const size_t slash = user.shell.rfind('/');
  plan.arguments = {"-" + (slash == std::string::npos ? user.shell : user.shell.substr(slash + 1))};
  plan.environment =
      SessionEnvironment(user, inherited, request.session_id, TerminalName(request.terminal));
  plan.terminal = request.size;
  if (!request.profile.empty()) plan.typed = request.profile + "\n";
  return plan;
}

SpawnRequest PlanExec(const engine::ExecRequest& request, const RunAsUser& user,
                      const InheritedEnvironment& inherited) {
  SpawnRequest plan;
  plan.user = user;
  plan.program = request.arguments.empty() ? "" : request.arguments.front();
  plan.arguments = request.arguments;
  if (plan.arguments.empty()) plan.arguments.emplace_back();
  plan.environment =
      SessionEnvironment(user, inherited, request.session_id,
                         request.with_terminal ? TerminalName(request.terminal) : "");
  if (request.with_terminal) plan.terminal = request.size;
  return plan;
}

}  // namespace agent
