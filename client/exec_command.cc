#include "client/exec_command.h"

#include <unistd.h>

#include "client/exit_code.h"
#include "client/remote_command.h"
#include "client/say.h"
#include "client/terminal/terminal_posix.h"
#include "engine/wire/command_line.h"

namespace client {

int RunExec(const CommonFlags& flags, const Environment& environment, const ExecOptions& options) {
  if (options.command.size() > engine::kCommandArgumentsMax) {
    Say("the command has more than " + std::to_string(engine::kCommandArgumentsMax) +
        " arguments; put it into a script there, or send it to `sh` on standard input");
    return kOwnFailure;
  }
  RemoteCommand command;
  command.node = options.node;
  command.with_terminal = options.with_terminal;
  command.wish.reason = options.reason;
  command.carriage = options.carriage;
  command.wish.document =
      options.with_terminal ? "AWS-StartInteractiveCommand" : "AWS-StartNonInteractiveCommand";
  command.wish.parameters["command"] = engine::JoinCommand(options.command);
  engine::ExecRequest request;
  request.arguments = options.command;
  request.with_terminal = options.with_terminal;
  if (options.with_terminal) {
    request.size = TerminalSizeOf(STDIN_FILENO);
    request.terminal = TerminalName(environment);
  }
  if (engine::EncodeOpen(request).size() > engine::kControlSizeMax) {
    Say("the command is longer than " + std::to_string(engine::kControlSizeMax / 1024) +
        " KiB; put it into a script there, or send it to `sh` on standard input");
    return kOwnFailure;
  }
  command.request = std::move(request);
  return RunRemote(flags, environment, std::move(command));
}

}  // namespace client
