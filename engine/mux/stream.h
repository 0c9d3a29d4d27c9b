// One stream's two half-states, as PROTOCOL.md draws them, and the rules that the peer's frames
// must keep in each.
//
//     receive half    kWaiting --ACCEPT--> kOpen --FINISH----> kFinished
//
//     send half       kWaiting --ACCEPT--> kOpen --Finish()--> kFinished
//
// RESET, REJECT or the link's end leave from everywhere.

#pragma once

#include <cstdint>

#include "engine/mux/credit.h"
#include "engine/mux/intrusive_list.h"
#include "engine/mux/output_queue.h"
#include "engine/mux/peer_error.h"
#include "engine/wire/frame.h"

namespace engine {

class StreamEvents;

// Stream is a stream of a Multiplexer from its OPEN until both halves are over. Its functions judge
// the peer's frames and change the halves; events and output are the multiplexer's doing.
//
// Invariant: both halves are kWaiting until ACCEPT passed, and neither is after it.
class Stream final : public StreamOutput {
 public:
  enum class Opener : uint8_t { kUs, kPeer };
  enum class Half : uint8_t { kWaiting, kOpen, kFinished };

  Stream(StreamId id, Priority priority, Opener opener, uint64_t window_bytes)
      : StreamOutput(id, priority), opener(opener), receive(window_bytes) {}

  bool is_accepted() const { return receive_half != Half::kWaiting; }

  // IsOver is true when both halves are finished and our finish has left.
  bool IsOver() const {
    return receive_half == Half::kFinished && send_half == Half::kFinished && is_drained();
  }

  // MayBeEarly is true while the peer, who opened it, may send `size` bytes without an answer, if
  // both sides take such.
  bool MayBeEarly(size_t size) const {
    return opener == Opener::kPeer && !is_accepted() && size <= kEarlyDataMax - early_size;
  }

  PeerError AllowsAnswer() const;   // ACCEPT, REJECT.
  PeerError AllowsControl() const;  // CONTROL.
  PeerError AllowsCredit() const;   // CREDIT.
  PeerError ReceiveData(size_t size);

  // KeepEarly keeps `data` until Accept: a first piece by reference, several as a copy in one block
  // of `pool`. False: the pool is dry. Requires: ReceiveData would be early.
  [[nodiscard]] bool KeepEarly(BufferRef data, BufferPool& pool);
  BufferRef TakeEarly();
  PeerError ReceiveFinish(uint64_t offset);

  const Opener opener;
  Half send_half = Half::kWaiting;  // kFinished: our owner called Finish; it may still be queued.
  Half receive_half = Half::kWaiting;
  bool wants_writable = false;     // Write took less than asked.
  StreamEvents* events = nullptr;  // None until Accept, if the peer opened it.
  ReceiveWindow receive;
  uint64_t peer_limit = 0;  // From the peer's OPEN, until Accept.
  BufferRef early;          // What came before Accept begins this slice, or block.
  uint32_t early_size = 0;
  ListLinks<Stream> all_links;
};

}  // namespace engine
