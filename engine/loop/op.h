// Operations: the caller-owned objects that a Loop starts and completes.

#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/time.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/loop/address.h"
#include "engine/loop/pipe_cache.h"

namespace engine {

// SocketKind says by which calls a descriptor moves bytes: recv/send, or read/write for whatever
// else can be read in order: terminals, pipes, regular files, /dev/null, signalfd, inotify.
enum class SocketKind : uint8_t { kSocket, kFile };

// Socket is an open OS socket, pipe end or terminal. It does not close itself; see Loop::Close().
// A kFile may be shared with other processes, so a backend never changes its blocking mode.
struct Socket {
  intptr_t handle = -1;
  SocketKind kind = SocketKind::kSocket;
  bool valid() const { return handle >= 0; }
  friend bool operator==(Socket, Socket) = default;
};

// IoError is the one list of ways an operation can end badly, the same on every platform. The
// backend maps errno and WSA codes to it and logs the ones it does not know.
enum class IoError : uint8_t {
  kNone,
  kCanceled,     // Cancel() won the race.
  kEndOfStream,  // The peer finished sending. Receive and Forward only.
  kNoBuffers,    // The BufferPool is empty. Receive only; not fatal, start again later.
  kReset,        // The connection was dropped by the peer or on the way.
  kRefused,      // Nobody listens at that address.
  kUnreachable,  // No route to the host or network.
  kTimedOut,     // The kernel gave up waiting.
  kExhausted,    // Out of descriptors or kernel memory.
  kDenied,       // Not permitted: a firewall, a closed terminal side, a lost privilege.
  kInUse,        // Somebody else listens at that address. Listen only.
  kUnexpected,   // Anything else; the log has the number.
};

// The most slices one Send takes: one number for every backend, and all that POSIX promises.
inline constexpr size_t kSendSlicesMax = 16;

// The most blocks that one Receive of the mode kBatch fills.
inline constexpr size_t kReceiveBlocksMax = 8;

// The most that one Forward has taken from its sender and not yet passed on. It is also how much
// one moves before others have their turn.
inline constexpr uint32_t kForwardHeldMax = 1024 * 1024;

// What a handler is told. `more` means that the op is still in flight and will complete again.
struct Accepted {
  IoError error;
  bool more;
  Socket socket;
};
struct Connected {
  IoError error;
};
struct Received {
  IoError error;
  bool more;
  BufferRef data;
};
struct Sent {
  IoError error;
  bool more;
  uint32_t size;
};
struct Forwarded {
  IoError error;   // Never kNone: a flow goes on until it ends.
  bool at_sender;  // The error is of the socket that bytes came from, and not of the other one.
  uint64_t size;   // All that the receiving side's kernel has accepted.
};
struct Fired {
  IoError error;
};
struct Closed {
  IoError error;
};

// Handler is a member function bound to its object: two words, nothing allocated.
template <class Outcome>
class Handler {
 public:
  template <auto kMethod, class Owner>
  static Handler To(Owner* owner) {
    return Handler(owner, [](void* self, Outcome outcome) {
      (static_cast<Owner*>(self)->*kMethod)(std::move(outcome));
    });
  }
  void operator()(Outcome outcome) const { call_(owner_, std::move(outcome)); }

 private:
  using Call = void (*)(void*, Outcome);
  Handler(void* owner, Call call) : owner_(owner), call_(call) {}
  void* owner_;
  Call call_;
};

enum class OpKind : uint8_t { kAccept, kConnect, kReceive, kSend, kForward, kTimer, kClose };

// OpStage says where an op is while its loop runs it.
enum class OpStage : uint8_t {
  kIdle,      // Not in flight.
  kReady,     // In the loop's queue of ops to try, or to complete, in this or the next iteration.
  kWaiting,   // Until a deadline, or until the descriptor is ready.
  kInKernel,  // The kernel, or the simulator, has the op itself.
};

// Op is the part that every operation shares. It neither moves nor copies: the kernel may hold
// its address.
class Op {
 public:
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  // True from the call that starts the op until its final completion begins.
  bool in_flight() const { return in_flight_; }

  // What follows is for the loop that runs the op, and for nobody else. It lives here because the
  // caller's op is the only memory that a loop may use for what is in flight.
  Op* next = nullptr;
  Socket socket;
  const OpKind kind;
  OpStage stage = OpStage::kIdle;
  IoError failure = IoError::kNone;  // Complete with this error when its turn comes.

 protected:
  explicit Op(OpKind op_kind) : kind(op_kind) {}
  ~Op() { CHECK(!in_flight_); }

 private:
  template <class>
  friend class OpOf;
  friend class Loop;
  bool in_flight_ = false;
  bool cancel_requested_ = false;
};

// OpState is what a loop keeps in one kind of op while it is in flight.
template <class Outcome>
struct OpState;

template <class Outcome>
class OpOf final : public Op {
 public:
  explicit OpOf(Handler<Outcome> handler) : Op(OpState<Outcome>::kKind), handler_(handler) {}

  OpState<Outcome> state;  // For the loop that runs the op, and for nobody else.

 private:
  friend class Loop;
  Handler<Outcome> handler_;
};

using AcceptOp = OpOf<Accepted>;
using ConnectOp = OpOf<Connected>;
using ReceiveOp = OpOf<Received>;
using SendOp = OpOf<Sent>;
using ForwardOp = OpOf<Forwarded>;
using TimerOp = OpOf<Fired>;
using CloseOp = OpOf<Closed>;

template <>
struct OpState<Accepted> {
  static constexpr OpKind kKind = OpKind::kAccept;
};

template <>
struct OpState<Connected> {
  static constexpr OpKind kKind = OpKind::kConnect;
  Address peer;
  bool started = false;  // connect() was called, and its result is awaited.
};

template <>
struct OpState<Received> {
  static constexpr OpKind kKind = OpKind::kReceive;
  bool repeat = false;
  bool batch = false;
  bool readable = false;  // Readiness was seen and not used up. For kFile.
  bool drained = false;   // What came last was all that was there. For UringLoop.
};

template <>
struct OpState<Sent> {
  static constexpr OpKind kKind = OpKind::kSend;

  // Start copies the slices, and checks what Loop::Send() requires of them.
  void Start(std::span<const ByteView> all, bool with_zero_copy);
  // Left returns what was not accepted yet.
  std::span<const iovec> Left() const { return std::span(slices).subspan(first, slice_count); }
  // Advance counts `accepted` more bytes, and returns true when those were all.
  bool Advance(size_t accepted);

  std::array<iovec, kSendSlicesMax> slices;  // What is left starts at `first`.
  msghdr message;
  uint32_t size;        // All that is to be sent.
  uint32_t sent;        // Of these, accepted.
  uint8_t slice_count;  // Slices from `first` on.
  uint8_t first;
  bool zero_copy;
  bool writable;      // Readiness was seen and not used up. For kFile.
  bool finished;      // Nothing but releases is awaited.
  uint16_t releases;  // Zero-copy pieces that the kernel still holds.
  IoError error;      // How it ended, while releases are awaited.
};

template <>
struct OpState<Forwarded> {
  static constexpr OpKind kKind = OpKind::kForward;
  Socket from;
  Socket to;
  uint64_t moved = 0;        // So far. The owner may read it at any time, and nothing else here.
  Pipe pipe;                 // While there is one: as a rule, during one turn only.
  uint32_t held = 0;         // In the pipe: taken from `from`, and not yet accepted by `to`.
  uint32_t taken = 0;        // When the pipe was last empty. For the simulator.
  bool copies = false;       // One of the two sockets cannot be spliced.
  bool awaits_room = false;  // Waits for `to` to take bytes, and not for `from` to have some.
};

template <>
struct OpState<Fired> {
  static constexpr OpKind kKind = OpKind::kTimer;
  Instant deadline{};
  uint64_t sequence = 0;  // Equal deadlines fire in the order of their start.
  TimerOp* child = nullptr;
  TimerOp* sibling = nullptr;
  TimerOp* previous = nullptr;  // The left sibling, or the parent of a first child.
};

template <>
struct OpState<Closed> {
  static constexpr OpKind kKind = OpKind::kClose;
  bool reset = false;
};

}  // namespace engine
