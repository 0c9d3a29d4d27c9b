// What tests of started programs share.

#pragma once

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "agent/process/run_as_user.h"
#include "agent/process/spawn.h"

namespace agent {

// Self is the user that runs the test, without any change of identity.
inline RunAsUser Self() {
  RunAsUser user;
  user.name = "self";
  user.uid = ::getuid();
  user.gid = ::getgid();
  user.home = "/";
  user.shell = "/bin/sh";
  return user;
}

inline SpawnRequest Command(std::vector<std::string> arguments) {
  SpawnRequest request;
  request.user = Self();
  request.program = arguments.front();
  request.arguments = std::move(arguments);
  request.environment = {"PATH=/usr/local/bin:/usr/bin:/bin"};
  return request;
}

inline SpawnRequest Script(const std::string& text) { return Command({"/bin/sh", "-c", text}); }

// ReadToEnd reads a descriptor of any mode until its end, or until a terminal hangs up.
inline std::string ReadToEnd(int descriptor) {
  std::string all;
  char block[4096];
  while (true) {
    const ssize_t size = ::read(descriptor, block, sizeof block);
    if (size > 0) {
      all.append(block, static_cast<size_t>(size));
    } else if (size < 0 && errno == EAGAIN) {
      pollfd ready{descriptor, POLLIN, 0};
      ::poll(&ready, 1, -1);
    } else if (size == 0 || errno != EINTR) {
      return all;
    }
  }
}

inline int WaitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Finished is a program that ran to its end.
struct Finished {
  std::string failure;  // What the status pipe said; empty when the program ran.
  std::string output;
  std::string error;
  int status = 0;  // As waitpid gives it.
};

// RunToEnd starts `request` with an empty standard input and waits.
inline Finished RunToEnd(const SpawnRequest& request) {
  Finished finished;
  absl::StatusOr<Spawned> spawned = Spawn(request);
  if (!spawned.ok()) {
    finished.failure = std::string(spawned.status().message());
    return finished;
  }
  const std::string failure = ReadToEnd(spawned->status.value());
  if (!failure.empty()) finished.failure = SpawnFailureText(engine::AsBytes(failure), request);
  if (request.terminal.has_value()) {
    finished.output = ReadToEnd(spawned->input.value());
  } else {
    spawned->input.Reset();
    finished.output = ReadToEnd(spawned->output.value());
    finished.error = ReadToEnd(spawned->error.value());
  }
  finished.status = WaitFor(spawned->pid);
  return finished;
}

}  // namespace agent
