// Operations: the caller-owned objects that a Loop starts and completes.

#pragma once

#include <cstdint>
#include <utility>

#include "engine/base/check.h"
#include "engine/buffer/buffer_pool.h"

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
  kEndOfStream,  // The peer finished sending. Receive only.
  kNoBuffers,    // The BufferPool is empty. Receive only; not fatal, start again later.
  kReset,        // The connection was dropped by the peer or on the way.
  kRefused,      // Nobody listens at that address.
  kUnreachable,  // No route to the host or network.
  kTimedOut,     // The kernel gave up waiting.
  kExhausted,    // Out of descriptors or kernel memory.
  kDenied,       // Not permitted: a firewall, a closed terminal side, a lost privilege.
  kUnexpected,   // Anything else; the log has the number.
};

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

// Op is the part that every operation shares. It neither moves nor copies: the kernel may hold
// its address.
class Op {
 public:
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  // True from the call that starts the op until its final completion begins.
  bool in_flight() const { return in_flight_; }

  Op* next = nullptr;  // For the loop's queues.

 protected:
  Op() = default;
  ~Op() { CHECK(!in_flight_); }

 private:
  template <class>
  friend class OpOf;
  friend class Loop;
  bool in_flight_ = false;
  bool cancel_requested_ = false;
};

template <class Outcome>
class OpOf final : public Op {
 public:
  explicit OpOf(Handler<Outcome> handler) : handler_(handler) {}

 private:
  friend class Loop;
  Handler<Outcome> handler_;
};

using AcceptOp = OpOf<Accepted>;
using ConnectOp = OpOf<Connected>;
using ReceiveOp = OpOf<Received>;
using SendOp = OpOf<Sent>;
using TimerOp = OpOf<Fired>;
using CloseOp = OpOf<Closed>;

}  // namespace engine
