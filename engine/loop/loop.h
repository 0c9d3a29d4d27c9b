// The event loop: start an operation, hear how it ended.
//
//       caller                     Loop                    kernel, or simulator
//   +------------+  Receive(op)  +-----------+   submit    +-----------+
//   | owns the   | ------------> |  queued   | ----------> | in flight |
//   | op and its |               +-----------+             +-----------+
//   | handler    |   handler()   +-----------+    reap           |
//   |            | <------------ | completed | <-----------------+
//   +------------+  in RunOnce() +-----------+
//
// The contract. Every backend keeps it; tests/contract/loop_contract_test.cc runs on each one.
//
//  1. Ownership.    The caller owns the op and keeps it at one address from the call that starts
//                   it until its final completion. After construction the loop never allocates.
//  2. Re-entrancy.  Handlers run only inside RunOnce(), never inside a call that starts or
//                   cancels an op. A handler may start or cancel any op; when its own completion
//                   is final, it may restart or destroy its own.
//  3. Completion.   Every start has exactly one final completion (`more == false`). Accept, a
//                   repeating Receive, and a zero-copy Send may complete with `more` before it.
//  4. Cancellation. Cancel() asks. The op still completes, with kCanceled or with whatever
//                   outcome won the race, and only then may its memory be reused.
//  5. Bytes.        Receive fills blocks of the loop's BufferPool, and none is taken while the
//                   socket is idle. Send borrows the caller's bytes until its final completion.
//  6. Order.        Completions of one socket in one direction come in order. Nothing else is
//                   promised, and the simulator shuffles the rest.
//  7. Threads.      A loop belongs to one thread. Only Wake() may be called from another.
//
// Backends: engine/uring (Linux), engine/epoll (Linux without io_uring), engine/kqueue (macOS,
// BSD), engine/iocp (Windows), engine/sim (tests). engine/platform/create_loop.h picks one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/loop/op.h"

namespace engine {

class Address;

// The most slices one Send takes: one number for every backend, and all that POSIX promises.
inline constexpr size_t kSendSlicesMax = 16;

enum class ReceiveMode : uint8_t {
  kOnce,    // One completion, at most one block. For a caller that must bound what it holds.
  kRepeat,  // Until canceled, end, or error. Saves a submission each time, but blocks may keep
            // coming between Cancel() and the final completion.
};

enum class SendMode : uint8_t {
  kCopy,      // The kernel copies. One completion, and the bytes are free again.
  kZeroCopy,  // The kernel may pin. First completion: accepted. Final one: the bytes are free.
              // Pays only for large sends; bench/micro/send_bench.cc says from which size.
};

class Loop {
 public:
  virtual ~Loop() = default;

  // RunOnce submits what was started, waits up to `wait_max` for something to complete, and runs
  // the handlers of what did. It returns early when Wake() is called. Zero means do not wait.
  virtual void RunOnce(Duration wait_max) = 0;

  // Now is the time when this iteration began. It is constant while handlers run, so that one
  // event sees one time, and it is virtual under the simulator.
  virtual Instant Now() const = 0;

  // Accept completes once per connection, until canceled. Sockets come non-blocking and not
  // inherited by children. On kExhausted, wait before restarting.
  virtual void Accept(AcceptOp& op, Socket listener) = 0;

  virtual void Connect(ConnectOp& op, Socket socket, const Address& peer) = 0;

  // Receive completes with 1 to block_size bytes when some arrive; `mode` says how often. After
  // kNoBuffers, restart once BufferPool::free_count() > 0.
  virtual void Receive(ReceiveOp& op, Socket socket, ReceiveMode mode) = 0;

  // Send completes when every byte was accepted, or with an error; `size` says how many were.
  // `slices` itself is copied before the call returns; the bytes it points to are not.
  // Requires: 1 to kSendSlicesMax slices, none empty; the socket's previous Send was accepted.
  virtual void Send(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode) = 0;

  // StartTimer fires once, at the first iteration with Now() >= deadline.
  virtual void StartTimer(TimerOp& op, Instant deadline) = 0;

  // Close closes the socket. Requires: no other op on it is in flight.
  virtual void Close(CloseOp& op, Socket socket) = 0;

  // Cancel asks for an early end; see rule 4. Canceling an op that is not in flight does nothing.
  virtual void Cancel(Op& op) = 0;

  // Wake makes a RunOnce() that is waiting, or the next one, return. Thread-safe.
  virtual void Wake() noexcept = 0;

  virtual BufferPool& buffers() = 0;

 protected:
  // For backends: the only two places where an op's state changes.
  template <class Outcome>
  static void Begin(OpOf<Outcome>& op) {
    CHECK(!op.in_flight_);
    op.in_flight_ = true;
    op.cancel_requested_ = false;
  }
  template <class Outcome>
  static void Complete(OpOf<Outcome>& op, Outcome outcome) {
    CHECK(op.in_flight_);
    if constexpr (requires { outcome.more; }) {
      op.in_flight_ = outcome.more;
    } else {
      op.in_flight_ = false;
    }
    op.handler_(std::move(outcome));  // Last: it may destroy `op`.
  }
  static void RequestCancel(Op& op) { op.cancel_requested_ = op.in_flight_; }
  static bool CancelRequested(const Op& op) { return op.cancel_requested_; }
};

}  // namespace engine
