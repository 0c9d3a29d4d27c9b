#include "engine/platform/signal_source.h"

#include <cstdlib>

#include "engine/base/check.h"

namespace engine {

namespace {

// A blocked signal comes to us even where it is ignored.
sigset_t SetOf(std::initializer_list<int> signals, SignalSource::Ignored ignored) {
  sigset_t set = SignalReceiver::SetOf(signals);
  if (ignored == SignalSource::Ignored::kTaken) return set;
  for (const int signal : signals) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
      ::sigdelset(&set, signal);
    }
  }
  return set;
}

}  // namespace

SignalSource::SignalSource(std::initializer_list<int> signals, Ignored ignored)
    : signals_(SetOf(signals, ignored)), before_(SignalReceiver::Block(signals_)) {}

SignalSource::~SignalSource() {
  CHECK(joined());
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void SignalSource::Start(Loop& loop, Events& events) {
  receiver_ = std::make_unique<SignalReceiver>(loop, signals_, events);
}

void SignalSource::Stop() {
  if (receiver_ != nullptr) receiver_->Close();
}

void DieBySignal(int number) {
  std::signal(number, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, number);
  ::raise(number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  std::_Exit(128 + number);  // A signal whose default is not the end.
}

}  // namespace engine
