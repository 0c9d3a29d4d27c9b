// What `shell` and `exec` share: one program on a node, with this terminal or these pipes.

#pragma once

#include <string>

#include "client/api_client.h"
#include "client/client_options.h"
#include "client/environment.h"
#include "engine/wire/control.h"

namespace client {

struct RemoteCommand {
  std::string node;  // As the user named it.
  SessionWish wish;  // Without the node's id.
  CarriageChoice carriage = CarriageChoice::kAsDocumented;
  engine::OpenRequest request;
  bool with_terminal = false;  // The program gets one there; ours becomes raw if stdin is one.
};

// RunRemote runs it and returns the exit code of the program, or says what failed and returns
// kOwnFailure.
int RunRemote(const CommonFlags& flags, const Environment& environment, RemoteCommand command);

}  // namespace client
