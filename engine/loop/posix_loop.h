#pragma once

#include <atomic>
#include <span>

#include "engine/base/intrusive_queue.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/loop/loop.h"
#include "engine/loop/pipe_cache.h"
#include "engine/loop/timer_queue.h"

namespace engine {

// PosixLoop is what the backends of POSIX kernels share: the queue of ops that are ready, timers,
// kFiles, forwards, the calls that make and change sockets, the clock, and Wake(). A backend adds
// how to wait for descriptors, and the ops of sockets.
//
// One iteration of a backend's RunOnce():
//
//   PrepareWait() --> wait --> BeginIteration() --> events --> MakeReady() --+
//                                 due timers --------------> MakeReady() ----+--> RunReady()
//
// An op in the queue is tried or completed once per iteration, so that the work of one is bounded.
// While a loop exists, the process ignores SIGPIPE: writing to a pipe without a reader is an error
// of that one op. A child that the process starts has to put the signal back.
class PosixLoop : public Loop {
 public:
  ~PosixLoop() override;
  Instant Now() const final { return now_; }
  void Forward(ForwardOp& op, Socket from, Socket to) final;
  void StartTimer(TimerOp& op, Instant deadline) final;
  void Close(CloseOp& op, Socket socket, CloseMode mode) final;
  using Loop::Close;
  void Cancel(Op& op) final;
  void Wake() noexcept final;
  BufferPool& buffers() final { return buffers_; }
  Opened OpenStream(int family) final;
  Opened Listen(const Address& local, int backlog) final;
  Socket Adopt(int descriptor) final;
  void Release(Socket socket) final { Forget(socket); }
  IoError Shutdown(Socket socket, ShutdownSide side) final;
  void SetOptions(Socket socket, const SocketOptions& options) final;
  Address LocalAddress(Socket socket) const final;
  Address PeerAddress(Socket socket) const final;

  // The pipes of this loop's forwards. Where none can be had, they copy.
  PipeCache& pipes() { return pipes_; }

  // How long a block has to be free, at least, before its memory goes back to the system.
  void SetGiveBackPause(Duration pause) { give_back_pause_ = pause; }

 protected:
  PosixLoop(uint16_t block_count, uint32_t block_size);

  // What a backend does.
  //
  // TrySocket goes on with a socket's op that was made ready. It completes it, makes it ready
  // again, or puts it into another stage.
  virtual void TrySocket(Op& op) = 0;
  // AwaitFile waits until the kFile of `op` is ready for its direction, then calls FileIsReady().
  virtual void AwaitFile(Op& op) = 0;
  // AwaitSocket waits until op.socket has something to be read, or room when op.state.awaits_room,
  // and makes the op ready then. Both may be so already.
  virtual void AwaitSocket(ForwardOp& op) = 0;
  // MayAwait says whether AwaitSocket may follow a read that the socket was not asked to repeat
  // until it would block. `drained`: that read has taken what there was, except for an end, an
  // error or urgent data.
  virtual bool MayAwait(Socket socket, bool drained) const = 0;
  // StopWaiting makes an op in the stage kWaiting or kInKernel end early: it is made ready, now or
  // when the kernel has let go of it.
  virtual void StopWaiting(Op& op) = 0;
  // Forget drops what the backend knows of a descriptor that is about to be closed or handed over.
  virtual void Forget(Socket socket) = 0;
  // Welcome is told of every descriptor that is new to this loop.
  virtual void Welcome(Socket socket) = 0;

  // What a backend calls.
  // PrepareWait returns how long to wait, and gives memory back that nobody has used for a while.
  Duration PrepareWait(Duration wait_max);
  void BeginIteration();  // Reads the clock and makes due timers ready.
  void RunReady();
  void MakeReady(Op& op);
  void FileIsReady(Op& op);
  // FailLater completes `op` with `error` in the next iteration; FailNow at once, inside RunOnce().
  void FailLater(Op& op, IoError error);
  void FailNow(Op& op, IoError error);

  // PrepareReceive and PrepareSend copy what the caller gave into the op, and begin it.
  void PrepareReceive(ReceiveOp& op, Socket socket, ReceiveMode mode);
  void PrepareSend(SendOp& op, Socket socket, std::span<const ByteView> slices, SendMode mode);

  // CompleteReceive completes a receive of one block, or of a batch that begins with it. The op has
  // no request in the kernel.
  void CompleteReceive(ReceiveOp& op, BufferRef first);

  int wake_descriptor() const { return wake_descriptor_; }
  void WakeWasSeen() { wake_pending_.store(false); }  // After the eventfd was read.

 private:
  // A piece this large costs half of the processor's time that one of 64 KiB does.
  static constexpr uint32_t kCopySpaceSize = 256 * 1024;

  // A burst's memory is gone minutes after it, and bursts that come every few seconds find theirs.
  // Who comes back just after this costs itself 2,048 page faults in ten seconds, and no more.
  static constexpr size_t kGiveBackMax = 8 * 1024 * 1024;

  size_t ReceiveMore(Socket socket, std::span<BufferRef> blocks);
  void Run(Op& op);
  void TryFile(ReceiveOp& op);
  void TryFile(SendOp& op);
  void CloseNow(CloseOp& op);
  void TryForward(ForwardOp& op);
  // These return how many bytes `to` has accepted; zero when the turn of this op is over, because
  // it waits, or has ended and may be gone.
  uint32_t SpliceOnce(ForwardOp& op, uint32_t size_max);
  uint32_t CopyOnce(ForwardOp& op, uint32_t size_max);
  uint32_t AwaitBytes(ForwardOp& op);
  uint32_t AwaitRoom(ForwardOp& op);
  uint32_t AskAgain(ForwardOp& op);  // After a signal.
  void ReturnPipe(ForwardOp& op);
  uint32_t FinishForward(ForwardOp& op, IoError error, bool at_sender);

  BufferPool buffers_;
  TimerQueue timers_;
  IntrusiveQueue<Op> ready_;
  IntrusiveQueue<Op> running_;  // Taken from ready_ for this iteration.
  PipeCache pipes_;
  std::byte* copy_space_ = nullptr;  // For forwards that copy. Zero pages until one does.
  Instant now_{};
  Instant next_give_back_{};
  Duration give_back_pause_ = std::chrono::seconds(10);
  std::atomic<bool> wake_pending_ = false;
  int wake_descriptor_ = -1;
};

}  // namespace engine
