#pragma once

#include <signal.h>

#include <initializer_list>

#include "engine/loop/loop.h"

namespace engine {

// SignalReceiver turns signals of this process into completions on a loop (signalfd), so that no
// code of ours ever runs inside a signal handler. While the kernel or the pool is out of something
// the signals stay pending, and are received a moment later.
class SignalReceiver {
 public:
  class Events {
   public:
    virtual void OnSignal(int signal) = 0;

   protected:
    ~Events() = default;
  };

  static sigset_t SetOf(std::initializer_list<int> signals);

  // Block keeps signals from their default action in this thread, and in those that it starts from
  // then on: call it before anything else in main(). Returns what was blocked before.
  static sigset_t Block(const sigset_t& signals);
  static sigset_t Block(std::initializer_list<int> signals) { return Block(SetOf(signals)); }

  // Requires: `signals` are blocked in every thread. `events` outlives this object.
  SignalReceiver(Loop& loop, const sigset_t& signals, Events& events);
  SignalReceiver(Loop& loop, std::initializer_list<int> signals, Events& events)
      : SignalReceiver(loop, SetOf(signals), events) {}
  // Requires: closed(). The loop may have gone.
  ~SignalReceiver();
  SignalReceiver(const SignalReceiver&) = delete;
  SignalReceiver& operator=(const SignalReceiver&) = delete;

  // Close stops listening; closed() becomes true now or in a later iteration of the loop.
  void Close();
  bool closed() const { return closed_; }

 private:
  void Receive();
  void OnReceived(Received outcome);
  void OnRetry(Fired outcome);
  void OnClosed(Closed outcome);
  void Join();

  Loop& loop_;
  const sigset_t signals_;
  Events& events_;
  Socket socket_;  // Not valid: there was no descriptor for it yet.
  ReceiveOp receive_op_;
  TimerOp retry_op_;
  CloseOp close_op_;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace engine
