#pragma once

#include <string_view>

#include "agent/process/command_plan.h"
#include "engine/mux/multiplexer.h"

namespace engine {
class Loop;
class Resolver;
}  // namespace engine

namespace agent {

class DataKeys;
class ProgramHost;

// TargetContext is what targets share. All of it outlives them.
struct TargetContext {
  engine::Loop& loop;
  engine::Resolver& resolver;
  ProgramHost* programs = nullptr;  // Null: no programs are started on this loop.
  InheritedEnvironment inherited;
  DataKeys* keys = nullptr;  // Null: no stream is encrypted on this loop.
};

// Target is what one stream is joined to on this machine: a shell, a command, a TCP connection. It
// lives longer than its stream, until nothing of what it started is left.
class Target : public engine::StreamEvents {
 public:
  class Owner {
   public:
    // over() became true. Not the moment to destroy the target: it is still on the stack.
    virtual void OnTargetOver() = 0;

   protected:
    ~Owner() = default;
  };

  // Start begins, and answers the open, now or later.
  virtual void Start() = 0;

  // End tells the peer, if the stream is still there, and ends what was started.
  virtual void End(engine::CloseCode code, std::string_view text) = 0;

  // Over is true when no operation is in flight and no descriptor or child is left.
  virtual bool over() const = 0;

  // IsOn says whether the target's stream is there, on that link.
  virtual bool IsOn(const engine::Multiplexer& link) const = 0;
};

}  // namespace agent
