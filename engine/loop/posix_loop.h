#pragma once

#include <atomic>
#include <span>

#include "engine/base/intrusive_queue.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/loop/loop.h"
#include "engine/loop/timer_queue.h"

namespace engine {

// PosixLoop is what the backends of POSIX kernels share: the queue of ops that are ready, timers,
// kFiles, the calls that make and change sockets, the clock, and Wake(). A backend adds how to wait
// for descriptors, and the ops of sockets.
//
// One iteration of a backend's RunOnce():
//
//   wait for WaitTime() --> BeginIteration() --> events --> MakeReady() --+
//                              due timers --------------> MakeReady() ----+--> RunReady()
//
// An op in the queue is tried or completed once per iteration, so that the work of one is bounded.
// While a loop exists, the process ignores SIGPIPE: writing to a pipe without a reader is an error
// of that one op. A child that the process starts has to put the signal back.
class PosixLoop : public Loop {
 public:
  ~PosixLoop() override;
  Instant Now() const final { return now_; }
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

 protected:
  PosixLoop(uint16_t block_count, uint32_t block_size);

  // What a backend does.
  //
  // TrySocket goes on with a socket's op that was made ready. It completes it, makes it ready
  // again, or puts it into another stage.
  virtual void TrySocket(Op& op) = 0;
  // AwaitFile waits until the kFile of `op` is ready for its direction, then calls FileIsReady().
  virtual void AwaitFile(Op& op) = 0;
  // StopWaiting makes an op in the stage kWaiting or kInKernel end early: it is made ready, now or
  // when the kernel has let go of it.
  virtual void StopWaiting(Op& op) = 0;
  // Forget drops what the backend knows of a descriptor that is about to be closed or handed over.
  virtual void Forget(Socket socket) = 0;
  // Welcome is told of every descriptor that is new to this loop.
  virtual void Welcome(Socket socket) = 0;

  // What a backend calls.
  Duration WaitTime(Duration wait_max) const;
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

  int wake_descriptor() const { return wake_descriptor_; }
  void WakeWasSeen() { wake_pending_.store(false); }  // After the eventfd was read.

 private:
  void Run(Op& op);
  void TryFile(ReceiveOp& op);
  void TryFile(SendOp& op);
  void CloseNow(CloseOp& op);

  BufferPool buffers_;
  TimerQueue timers_;
  IntrusiveQueue<Op> ready_;
  IntrusiveQueue<Op> running_;  // Taken from ready_ for this iteration.
  Instant now_{};
  std::atomic<bool> wake_pending_ = false;
  int wake_descriptor_ = -1;
};

}  // namespace engine
