// Bytes on their way into a stream: from a local connection, or from stdin.
//
//     Receive --> a batch of blocks --> Sink::TakeInput, by reference --> Receive again
//                                         | took less: wait for Resume
//
// At most one batch is held, so a stream without credit stops its source and nothing else.

#pragma once

#include <cstddef>
#include <cstdint>

#include "client/terminal/escape_parser.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/recycled_ring.h"
#include "engine/loop/loop.h"

namespace client {

class InputPump {
 public:
  // Sink is where the bytes go. All calls come from inside Loop::RunOnce or Resume.
  class Sink {
   public:
    virtual ~Sink() = default;
    // Returns how many bytes it took; if not all, it calls Resume when it can take more.
    virtual size_t TakeInput(engine::BufferRef slice) = 0;
    // kEndOfStream: the orderly end. Anything else: the source is broken. The last call, unless
    // Stop was called: then it is kCanceled, and comes only if a Receive was in flight.
    virtual void OnInputEnded(engine::IoError error) = 0;
    virtual void OnEscape(Escape) {}
  };

  enum class Escapes : uint8_t { kOff, kOn };

  InputPump(engine::Loop& loop, engine::Socket source, Sink& sink, Escapes escapes);

  void Start();
  void Resume();

  // Stop drops what is held and cancels what is in flight.
  void Stop();

  bool in_flight() const { return receive_op_.in_flight() || pause_op_.in_flight(); }

 private:
  void OnReceived(engine::Received outcome);
  void OnPauseOver(engine::Fired outcome);
  void Receive();
  void Pump();
  bool Offer(engine::BufferRef& slice);
  void ParseNext();

  engine::Loop& loop_;
  const engine::Socket source_;
  Sink& sink_;
  const Escapes escapes_;
  EscapeParser parser_;
  engine::ReceiveOp receive_op_;
  engine::TimerOp pause_op_;  // While the pool is dry.
  // Not looked at yet.
  engine::RecycledRing<engine::BufferRef, engine::kReceiveBlocksMax> received_;
  engine::BufferRef held_;   // A '~' to send before `plain_`.
  engine::BufferRef plain_;  // To send as it is.
  engine::BufferRef tilde_;  // One '~', made once.
  bool started_ = false;
  bool stopped_ = false;
  bool pumping_ = false;
};

}  // namespace client
