// Where the programs of sessions run, and what a machine can do with them. MachinePrograms is this
// machine; a test may play another one.

#pragma once

#include <sys/types.h>

#include <string_view>

#include "absl/status/statusor.h"
#include "agent/process/run_as_user.h"
#include "agent/process/spawn.h"
#include "engine/loop/op.h"
#include "engine/wire/control.h"

namespace agent {

// StartedProgram is a program on its way. Its pid is also the id of its process group. Who started
// it watches and reaps it, and closes the sockets.
struct StartedProgram {
  pid_t pid = 0;
  engine::Socket status;  // To read: nothing and the end, or what SpawnFailureText explains.
  // With a terminal, `input` is its master, both ways, and the others are not valid.
  engine::Socket input;
  engine::Socket output;
  engine::Socket error;
};

class ProgramHost {
 public:
  class Owner {
   public:
    // The program ended. It stays a zombie, and its pid and process group its own, until Reap.
    virtual void OnExited(const engine::Exit& exit) = 0;

   protected:
    ~Owner() = default;
  };

  virtual ~ProgramHost() = default;

  // ChooseUser says as whom a session's program runs. `wanted` is empty when the request names
  // nobody; an error's text is for the session's user.
  virtual absl::StatusOr<RunAsUser> ChooseUser(std::string_view wanted) = 0;

  // Start is Spawn, whose ends are the loop's then.
  virtual absl::StatusOr<StartedProgram> Start(const SpawnRequest& request) = 0;

  // Watch tells `owner` once when `pid` has ended, from a later iteration of the loop. Call it in
  // the iteration that started it.
  virtual void Watch(pid_t pid, Owner& owner) = 0;

  // Reap forgets a program that ended, at once. Requires: OnExited was called.
  virtual void Reap(pid_t pid) = 0;

  // SignalGroup signals all of a process group; 0 only looks. False: there is nobody in it.
  virtual bool SignalGroup(pid_t group, int signal) = 0;
  // SignalOne signals one program. Requires: it was not reaped.
  virtual void SignalOne(pid_t pid, int signal) = 0;

  // What can be done with a terminal: see pty.h.
  virtual void Resize(engine::Socket terminal, engine::TerminalSize size) = 0;
  virtual pid_t ForegroundOf(engine::Socket terminal) = 0;
  virtual char EndOfInputOf(engine::Socket terminal) = 0;
  virtual void Type(engine::Socket terminal, std::string_view text) = 0;
  virtual void TypeEndOfInput(engine::Socket terminal) = 0;

  // Close is for the end. Requires, when closed: no program is watched.
  virtual void Close() = 0;
  virtual bool closed() const = 0;
};

}  // namespace agent
