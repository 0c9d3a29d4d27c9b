#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/loop/posix_loop.h"
#include "engine/uring/uring_buffers.h"

namespace engine {

// UringLoop is the loop on io_uring, Linux 6.1 and later. Ops of sockets go to the kernel as they
// are; it picks a lent block when bytes arrive. kFiles are polled by the ring, and then read and
// written by PosixLoop: what io_uring does with a read of a terminal or a pipe differs between
// kernels and modes, and may take a thread, while a poll can always be canceled.
//
// A small send that a handler starts is a call of the loop itself, at the end of that iteration:
// through the ring it costs more, and ends the next wait with a completion that nobody waited for.
//
// The ring belongs to the thread that first calls RunOnce(), whichever made the loop.
//
// Invariants: an op in the stage kInKernel has its own request in the kernel or in the submission
// queue, or, when it is a finished Send, notifications to come; one in the stage kWaiting has a
// poll there. An op has at most one of the two. Cancel requests follow later in the same queue, so
// that none can meet a new op at an old address.
class UringLoop final : public PosixLoop {
 public:
  struct Options {
    uint16_t block_count = 256;
    uint32_t block_size = 32 * 1024;

    // How many blocks may be lent to the kernel, beyond block_count: what callers may hold is not
    // made less. A power of two. When they are used up within one iteration, the rest of its
    // receives start again in the next.
    uint16_t lent_max = 64;
  };

  // Create returns a loop, or nullptr and in `why` a reason for a person.
  static std::unique_ptr<UringLoop> Create(const Options& options, std::string& why);
  ~UringLoop() override;

  void RunOnce(Duration wait_max) override;
  void Accept(AcceptOp& op, Socket listener) override;
  void Connect(ConnectOp& op, Socket socket, const Address& peer) override;
  void Receive(ReceiveOp& op, Socket socket, ReceiveMode mode) override;
  void Send(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode) override;

 private:
  // Requests carry the address of their op, or one of these.
  static constexpr uint64_t kIgnored = 0;
  static constexpr uint64_t kWakeMark = 1;

  explicit UringLoop(const Options& options);
  bool SetUp(const Options& options, std::string& why);

  void TrySocket(Op& op) override { Issue(op); }
  void AwaitFile(Op& op) override { Poll(op); }
  void AwaitSocket(ForwardOp& op) override { Poll(op); }
  bool MayAwait(Socket, bool) const override { return true; }  // A poll sees what is there already.
  void StopWaiting(Op& op) override;
  void Forget(Socket) override {}
  void Welcome(Socket) override {}

  // Submission: each prepares one request of `op`.
  void Issue(Op& op);
  void IssueAccept(AcceptOp& op);
  void IssueConnect(ConnectOp& op);
  void IssueReceive(ReceiveOp& op);
  void IssueReceives();
  void IssueSend(SendOp& op);
  void SendSmall();
  void TrySmall(SendOp& op);
  void Poll(Op& op);
  void ArmWake();
  io_uring_sqe* NextEntry();
  void Enable();
  void SubmitAndWait(Duration wait_max);

  // Completion.
  void Reap();
  void Handle(const io_uring_cqe& completion);
  void OnAccept(AcceptOp& op, int result, bool more);
  void OnConnect(ConnectOp& op, int result);
  void OnReceive(ReceiveOp& op, int result, uint32_t flags);
  void OnSend(SendOp& op, int result, uint32_t flags);
  void Finish(SendOp& op, IoError error);
  // Continue goes on with a repeating op whose request ended while the op did not.
  void Continue(Op& op);
  // TryAgain is true when `result` was no outcome, and the op is on its way again.
  bool TryAgain(Op& op, int result);

  io_uring ring_{};
  bool ring_open_ = false;
  bool enabled_ = false;
  bool wake_armed_ = false;
  bool send_zero_copy_ = false;
  uint64_t wake_count_ = 0;  // The kernel writes here.
  // Started, and submitted behind all else: whoever waits for what is sent should not wait for the
  // kernel to find that nothing has come meanwhile.
  IntrusiveQueue<Op> receives_;
  IntrusiveQueue<Op> small_sends_;  // Started, in the stage kReady; sent before the loop returns.
  std::optional<UringBuffers> lent_;
};

}  // namespace engine
