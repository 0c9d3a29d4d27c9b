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
//                   A free block may lose what it holds.
//  6. Order.        Completions of one socket in one direction come in order. Nothing else is
//                   promised, and the simulator shuffles the rest.
//  7. Threads.      A loop belongs to one thread. Only Wake() may be called from another.
//
// Backends: engine/uring (Linux), engine/epoll (Linux without io_uring), engine/sim (tests).
// engine/platform/create_loop.h picks one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/loop/address.h"
#include "engine/loop/op.h"

namespace engine {

struct SocketOptions;

enum class ReceiveMode : uint8_t {
  kOnce,    // One completion, at most one block. For a caller that must bound what it holds.
  kBatch,   // One receive of what is there, at most kReceiveBlocksMax blocks: a completion for
            // each, all in one iteration, `more` on all but the last. One block where little is
            // there, or in the pool. A busy socket costs a fraction of what it does with kOnce.
  kRepeat,  // Until canceled, end, or error. Saves a submission each time, but blocks may keep
            // coming between Cancel() and the final completion.
};

enum class SendMode : uint8_t {
  kCopy,      // The kernel copies. One completion, and the bytes are free again.
  kZeroCopy,  // The kernel may pin. First completion: accepted. Final one: the bytes are free.
              // Pays only for large sends; bench/micro/loop_bench.cc says from which size.
};

enum class CloseMode : uint8_t {
  kOrderly,  // What was sent is still delivered, then the peer reads the end.
  kReset,    // What is on the way is thrown away, and the peer is told kReset.
};

enum class ShutdownSide : uint8_t { kReceive, kSend, kBoth };

// Opened is a new socket, or why there is none.
struct Opened {
  IoError error;
  Socket socket;
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
  // kNoBuffers, restart once BufferPool::free_count() > 0; a backend may say it before a byte came.
  virtual void Receive(ReceiveOp& op, Socket socket, ReceiveMode mode) = 0;

  // Send completes when every byte was accepted, or with an error; `size` says how many were.
  // `slices` itself is copied before the call returns; the bytes it points to are not.
  // Requires: 1 to kSendSlicesMax slices, none empty; the socket's previous Send was accepted.
  virtual void Send(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode) = 0;

  // Forward moves bytes from one stream socket to another, as they are, until the end: the cheapest
  // way that this kernel has, with no byte shown to the program. Completes once:
  //   kEndOfStream  `from` has ended, and `to` has accepted every byte. Whether `to` ends, too, is
  //                 the owner's to say, by Shutdown().
  //   kCanceled     What was taken from `from` and not yet accepted by `to` is lost: at most
  //                 kForwardHeldMax bytes. The owner closes both.
  //   another one   One of them failed; `at_sender` says which. That `to` broke is learned by
  //                 moving bytes, that `from` did, once it is read again. Who wants to know at
  //                 once runs another ForwardOp the other way, which is allowed.
  //                 The kernel tells an error once: the other flow may then end with
  //                 kEndOfStream.
  // While it is in flight it has the receiving direction of `from` and the sending one of `to`.
  // A flow in which nothing moves holds neither memory nor a descriptor.
  virtual void Forward(ForwardOp& op, Socket from, Socket to) = 0;

  // StartTimer fires once, at the first iteration with Now() >= deadline.
  virtual void StartTimer(TimerOp& op, Instant deadline) = 0;

  // Close closes the socket. Requires: no other op on it is in flight, but for zero-copy Sends that
  // were accepted: their final completions come when the kernel has let go, at once with kReset.
  virtual void Close(CloseOp& op, Socket socket, CloseMode mode) = 0;
  void Close(CloseOp& op, Socket socket) { Close(op, socket, CloseMode::kOrderly); }

  // Cancel asks for an early end; see rule 4. Canceling an op that is not in flight does nothing.
  virtual void Cancel(Op& op) = 0;

  // Wake makes a RunOnce() that is waiting, or the next one, return. Thread-safe.
  virtual void Wake() noexcept = 0;

  virtual BufferPool& buffers() = 0;

  // The calls below make, change or describe a socket at once; none completes an op. Sockets come
  // in the mode that this loop wants and not inherited by children. One socket is used on one loop:
  // to move it, Release() it here and Adopt() it there.

  // OpenStream makes a socket of an address's family() for Connect. The caller owns it.
  virtual Opened OpenStream(int family) = 0;

  // Listen makes a socket for Accept. Port 0 takes a free one: see LocalAddress(). With kInUse,
  // somebody else has the port.
  virtual Opened Listen(const Address& local, int backlog) = 0;

  // Adopt takes over a descriptor that was made elsewhere, and finds out its kind. The mode of a
  // kFile, and of a connected socket, stays as it is. Requires: the descriptor is open.
  virtual Socket Adopt(int descriptor) = 0;

  // Release makes the loop forget an open socket, so that somebody else may use or close it.
  // Requires: no op on it is in flight.
  virtual void Release(Socket socket) = 0;

  // Shutdown ends one or both directions for good; the peer of kSend reads the end of the stream.
  // Requires: a kSocket, and no Send in flight when the send side ends.
  virtual IoError Shutdown(Socket socket, ShutdownSide side) = 0;

  // SetOptions changes what socket_options.h lists. On a socket that has no such option, nothing.
  virtual void SetOptions(Socket socket, const SocketOptions& options) = 0;

  // LocalAddress and PeerAddress return an empty Address when the socket has none.
  virtual Address LocalAddress(Socket socket) const = 0;
  virtual Address PeerAddress(Socket socket) const = 0;

  // The number of ops in flight. A loop may be destroyed when it is zero.
  size_t in_flight_count() const { return in_flight_count_; }

 protected:
  // For backends: the only two places where an op's in_flight() changes.
  template <class Outcome>
  void Begin(OpOf<Outcome>& op) {
    CHECK(!op.in_flight_);
    op.in_flight_ = true;
    op.cancel_requested_ = false;
    op.failure = IoError::kNone;
    ++in_flight_count_;
  }
  template <class Outcome>
  void Complete(OpOf<Outcome>& op, Outcome outcome) {
    CHECK(op.in_flight_);
    bool more = false;
    if constexpr (requires { outcome.more; }) more = outcome.more;
    if (!more) {
      op.in_flight_ = false;
      op.stage = OpStage::kIdle;
      --in_flight_count_;
    }
    op.handler_(std::move(outcome));  // Last: it may destroy `op`.
  }
  static void RequestCancel(Op& op) { op.cancel_requested_ = op.in_flight_; }
  static bool CancelRequested(const Op& op) { return op.cancel_requested_; }

 private:
  size_t in_flight_count_ = 0;
};

}  // namespace engine
