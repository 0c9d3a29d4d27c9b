// Signals as events of the loop.

#pragma once

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "engine/platform/signal_receiver.h"

namespace engine {

// SignalSource blocks its signals for this thread, and for every thread started after it, as long
// as it lives. Make it before anything that starts threads.
class SignalSource {
 public:
  using Events = SignalReceiver::Events;

  enum class Ignored : uint8_t {
    kLeft,   // What our starter has had ignored, as nohup does, is none of ours.
    kTaken,  // The AWS CLI ignores for itself what its plugin is to hear.
  };

  explicit SignalSource(std::initializer_list<int> signals, Ignored ignored = Ignored::kLeft);
  ~SignalSource();  // Requires: joined().
  SignalSource(const SignalSource&) = delete;
  SignalSource& operator=(const SignalSource&) = delete;

  void Start(Loop& loop, Events& events);
  void Stop();
  // Start was not called, or what came of it is over.
  bool joined() const { return receiver_ == nullptr || receiver_->closed(); }

 private:
  const sigset_t signals_;
  const sigset_t before_;
  std::unique_ptr<SignalReceiver> receiver_;
};

// DieBySignal ends the process as if the signal had never been blocked or handled, so that the
// parent sees why. Does not return.
[[noreturn]] void DieBySignal(int number);

}  // namespace engine
