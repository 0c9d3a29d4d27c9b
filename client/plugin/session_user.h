// Who a session's bytes are for: a terminal, standard input and output, or local connections.

#pragma once

#include <cstdint>
#include <string>

#include "engine/base/bytes.h"
#include "engine/datachannel/agent_message.h"

namespace client {

// UserEnd says why a user wants no more of the session.
struct UserEnd {
  enum class Kind : uint8_t {
    kLeft,    // In order: the person asked for it, or there is nothing more to say.
    kFailed,  // `text` says why, for people.
  };
  Kind kind = Kind::kLeft;
  std::string text;
};

class SessionUser {
 public:
  class Events {
   public:
    // Once. The session should be ended.
    virtual void OnUserEnded(const UserEnd& end) = 0;
    // For stdout, in a line that people wait for.
    virtual void OnUserText(const std::string& text) = 0;

   protected:
    ~Events() = default;
  };

  virtual ~SessionUser() = default;

  // As ChannelSession's events.
  virtual bool TakeData(engine::datachannel::PayloadType type, engine::ByteView bytes) = 0;
  virtual void OnRoom() = 0;

  // TakeSignal returns false when the signal should have its ordinary effect.
  virtual bool TakeSignal(int number) = 0;

  // Everything that was taken is out.
  virtual bool idle() const = 0;

  // Stop ends everything; no event follows. The user may be destroyed when joined().
  virtual void Stop() = 0;
  virtual bool joined() const = 0;
};

}  // namespace client
