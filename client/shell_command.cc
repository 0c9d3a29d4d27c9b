#include "client/shell_command.h"

#include <unistd.h>

#include "client/remote_command.h"
#include "client/terminal/terminal_posix.h"

namespace client {

int RunShell(const CommonFlags& flags, const Environment& environment,
             const ShellOptions& options) {
  RemoteCommand command;
  command.node = options.node;
  command.wish.reason = options.reason;
  command.carriage = options.carriage;
  command.with_terminal = true;
  command.request = engine::ShellRequest{.session_id = {},
                                         .principal = {},
                                         .run_as = {},
                                         .size = TerminalSizeOf(STDIN_FILENO),
                                         .terminal = TerminalName(environment)};
  return RunRemote(flags, environment, std::move(command));
}

}  // namespace client
