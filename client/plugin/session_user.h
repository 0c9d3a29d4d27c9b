// Who a session's bytes are for: a terminal, standard input and output, or local connections.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
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

  // stdout carries bytes of somebody else's protocol: words would break it.
  virtual bool has_stdout() const { return false; }

  // What the remote command ended with, where the machine said so.
  virtual std::optional<int> exit_code() const { return std::nullopt; }

  // Everything that was taken is out; and how long an end may wait for that. A person who reads
  // stdout page by page takes hours.
  virtual bool idle() const = 0;
  virtual engine::Duration patience() const { return std::chrono::hours(24); }

  // Stop ends everything; no event follows. The user may be destroyed when joined().
  virtual void Stop() = 0;
  virtual bool joined() const = 0;
};

}  // namespace client
