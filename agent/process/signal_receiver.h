#pragma once

#include <initializer_list>

#include "agent/process/owned_descriptor.h"
#include "engine/loop/loop.h"

namespace agent {

// SignalReceiver turns signals of this process into completions on a loop (signalfd), so that no
// code of ours ever runs inside a signal handler.
class SignalReceiver {
 public:
  class Events {
   public:
    virtual void OnSignal(int signal) = 0;

   protected:
    ~Events() = default;
  };

  // Block keeps signals from their default action in this thread, and in those that it starts from
  // then on: call it before anything else in main().
  static void Block(std::initializer_list<int> signals);

  // Requires: `signals` are blocked in every thread. `events` outlives this object.
  SignalReceiver(engine::Loop& loop, std::initializer_list<int> signals, Events& events);
  // Requires: closed().
  ~SignalReceiver();
  SignalReceiver(const SignalReceiver&) = delete;
  SignalReceiver& operator=(const SignalReceiver&) = delete;

  // Close stops listening; closed() becomes true in a later iteration of the loop.
  void Close();
  bool closed() const { return closed_; }

 private:
  void Receive();
  void OnReceived(engine::Received outcome);
  void OnRetry(engine::Fired outcome);
  void OnClosed(engine::Closed outcome);
  void Join();

  engine::Loop& loop_;
  Events& events_;
  engine::Socket socket_;
  engine::ReceiveOp receive_op_;
  engine::TimerOp retry_op_;
  engine::CloseOp close_op_;
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace agent
