// Signals as events of the loop, by signalfd.

#pragma once

#include <csignal>
#include <initializer_list>

#include "engine/loop/loop.h"

namespace client {

// SignalSource blocks its signals for this thread, and for every thread started after it, as long
// as it lives. Make it before anything that starts threads.
class SignalSource {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void OnSignal(int number) = 0;
  };

  explicit SignalSource(std::initializer_list<int> signals);
  ~SignalSource();  // Requires: Start was not called, or Stop was and joined() is true.
  SignalSource(const SignalSource&) = delete;
  SignalSource& operator=(const SignalSource&) = delete;

  void Start(engine::Loop& loop, Events& events);
  void Stop();
  bool joined() const { return !receive_op_.in_flight(); }

 private:
  void OnReceived(engine::Received outcome);
  void Leave();

  int descriptor_ = -1;
  sigset_t before_;
  engine::Loop* loop_ = nullptr;
  Events* events_ = nullptr;
  bool stopped_ = false;
  engine::ReceiveOp receive_op_;
};

// DieBySignal ends the process as if the signal had never been blocked or handled, so that the
// parent sees why. Does not return.
[[noreturn]] void DieBySignal(int number);

}  // namespace client
