#pragma once

#include <string_view>

#include "engine/buffer/buffer_pool.h"
#include "relay/switchboard/waiting_pieces.h"

namespace relay {

// Leg is one side of a lane for a LegJoint: a bare socket, or a connection that stays inside TLS.
// Bytes come up one piece at a time, when they are asked for, and go down through a bounded queue;
// so the one who does not read stops the one who sends, and nothing else.
class Leg {
 public:
  // No call comes from inside a call of the leg, but for OnBytes and OnFinished from Pull's.
  class Events {
   public:
    virtual void OnBytes(Leg& leg, engine::BufferRef bytes) = 0;
    // This side sends no more.
    virtual void OnFinished(Leg& leg) = 0;
    // has_room() is true again.
    virtual void OnRoom(Leg& leg) = 0;
    // The last call: the connection is closed. The leg may be destroyed in it.
    virtual void OnGone(Leg& leg, std::string_view why) = 0;

   protected:
    ~Events() = default;
  };

  // Pieces that wait to be sent, at most. Each may hold a whole block.
  static constexpr size_t kWaitingMax = WaitingPieces::kMax;

  virtual ~Leg() = default;

  virtual void Start(Events& events) = 0;

  // Pull asks for the next piece: one OnBytes, or OnFinished.
  virtual void Pull() = 0;

  // Push queues a piece to be sent. Requires: has_room(), and Finish was not called.
  virtual bool has_room() const = 0;
  virtual void Push(engine::BufferRef bytes) = 0;

  // Finish ends what is sent, behind all that was pushed.
  virtual void Finish() = 0;

  // Cut closes the connection with a reset. OnGone follows.
  virtual void Cut() = 0;
};

}  // namespace relay
