#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <memory>

#include "engine/loop/posix_loop.h"

namespace engine {

// EpollLoop is the loop for Linux where io_uring is forbidden or too old. It makes completions of
// readiness: try; if it would block, wait for the descriptor's edge; try again.
//
// A socket is registered once, edge-triggered for both directions, when an op on it first has to
// wait; after that its ops cost no epoll_ctl. A kFile is registered for one shot at a time, because
// its description may be shared with processes that read it, too. What epoll refuses to watch
// (regular files, /dev/null) is always ready.
//
// Invariants: an op is in the table only while it is in the stage kWaiting; of one descriptor at
// most one op waits in each direction.
class EpollLoop final : public PosixLoop {
 public:
  // Descriptors from here on end their op with kExhausted. The table is reserved as zero pages of
  // which only the touched ones cost memory.
  static constexpr size_t kDescriptorsMax = size_t{1} << 20;

  EpollLoop(uint16_t block_count, uint32_t block_size);
  ~EpollLoop() override;

  void RunOnce(Duration wait_max) override;
  void Accept(AcceptOp& op, Socket listener) override;
  void Connect(ConnectOp& op, Socket socket, const Address& peer) override;
  void Receive(ReceiveOp& op, Socket socket, ReceiveMode mode) override;
  void Send(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode) override;

 private:
  // Watch is what the loop knows of one descriptor. All zero: nothing.
  struct Watch {
    Op* reader;
    Op* writer;
    bool registered;
    bool maybe_readable;  // An edge came, or nothing is known; cleared when a try would block.
    bool maybe_writable;
    bool more_than_bytes;  // An end, an error or an urgent byte, so that a short read proves
                           // nothing.
  };
  struct FreeWatches {
    void operator()(Watch* watches) const;
  };
  enum class Direction : uint8_t { kRead, kWrite };

  void TrySocket(Op& op) override;
  void AwaitFile(Op& op) override;
  void AwaitSocket(ForwardOp& op) override;
  bool MayAwait(Socket socket, bool drained) const override;
  void StopWaiting(Op& op) override;
  void Forget(Socket socket) override;
  void Welcome(Socket socket) override;

  void Try(AcceptOp& op);
  void Try(ConnectOp& op);
  void Try(ReceiveOp& op);
  void Try(SendOp& op);
  void OnReadableWithoutBuffers(ReceiveOp& op);

  static Direction DirectionOf(const Op& op);
  Watch& WatchOf(const Op& op);
  // Start begins with a try, or with waiting where the last try would have blocked.
  void Start(Op& op);
  // Await puts `op` into the table until an edge of its direction comes.
  void Await(Op& op);
  // ArmFile registers a file for one shot of the directions that are awaited. Returns an errno.
  int ArmFile(Socket file);
  void HandleEvent(const epoll_event& event);
  void Notify(Op*& waiting);

  static constexpr size_t kEventsMax = 256;  // Taken from the kernel at a time.

  int epoll_ = -1;
  std::unique_ptr<Watch[], FreeWatches> watches_;
  std::array<epoll_event, kEventsMax> events_;
};

}  // namespace engine
