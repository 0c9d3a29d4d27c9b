#include "client/shell_command.h"

#include <unistd.h>

#include "client/exit_code.h"
#include "client/remote_command.h"
#include "client/say.h"
#include "client/terminal/terminal_posix.h"

namespace client {

namespace {

// A document's parameters, NAME=VALUE each. False, with a word to the user: one is not.
bool ReadParameters(const std::vector<std::string>& texts, SessionWish& wish) {
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      Say("a parameter is NAME=VALUE, not '" + Printable(text) + "'");
      return false;
    }
    wish.parameters[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return true;
}

}  // namespace

int RunShell(const CommonFlags& flags, const Environment& environment,
             const ShellOptions& options) {
  RemoteCommand command;
  command.node = options.node;
  command.wish.reason = options.reason;
  command.carriage = options.carriage;
  const engine::TerminalSize size = TerminalSizeOf(STDIN_FILENO);
  if (options.document.empty()) {
    command.with_terminal = true;
    command.request = engine::ShellRequest{.size = size, .terminal = TerminalName(environment)};
  } else {
    // The document says whether there is a terminal; without one there, pipes here stay pipes.
    command.with_terminal = ::isatty(STDIN_FILENO) != 0;
    command.wish.document = options.document;
    if (!ReadParameters(options.parameters, command.wish)) return kOwnFailure;
    command.request = engine::GrantedRequest{.size = size, .terminal = TerminalName(environment)};
  }
  return RunRemote(flags, environment, std::move(command));
}

}  // namespace client
