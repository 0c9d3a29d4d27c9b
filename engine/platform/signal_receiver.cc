#include "engine/platform/signal_receiver.h"

#include <pthread.h>
#include <sys/signalfd.h>

#include <chrono>
#include <cstring>

#include "engine/base/check.h"

namespace engine {
namespace {

constexpr Duration kExhaustedPause = std::chrono::milliseconds(5);

}  // namespace

sigset_t SignalReceiver::SetOf(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

sigset_t SignalReceiver::Block(const sigset_t& signals) {
  sigset_t before;
  CHECK(::pthread_sigmask(SIG_BLOCK, &signals, &before) == 0);
  return before;
}

SignalReceiver::SignalReceiver(Loop& loop, const sigset_t& signals, Events& events)
    : loop_(loop),
      signals_(signals),
      events_(events),
      receive_op_(Handler<Received>::To<&SignalReceiver::OnReceived>(this)),
      retry_op_(Handler<Fired>::To<&SignalReceiver::OnRetry>(this)),
      close_op_(Handler<Closed>::To<&SignalReceiver::OnClosed>(this)) {
  Receive();
}

SignalReceiver::~SignalReceiver() { CHECK(closed_); }

void SignalReceiver::Close() {
  if (closing_) return;
  closing_ = true;
  loop_.Cancel(receive_op_);
  loop_.Cancel(retry_op_);
  Join();
}

void SignalReceiver::Receive() {
  if (!socket_.valid()) {
    const int descriptor = ::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0) return loop_.StartTimer(retry_op_, loop_.Now() + kExhaustedPause);
    socket_ = {descriptor, SocketKind::kFile};
  }
  loop_.Receive(receive_op_, socket_, ReceiveMode::kOnce);
}

void SignalReceiver::OnReceived(Received outcome) {
  if (closing_) return Join();
  // A signalfd neither ends nor fails: the loop was out of blocks, or the kernel of watches.
  if (outcome.error != IoError::kNone) {
    return loop_.StartTimer(retry_op_, loop_.Now() + kExhaustedPause);
  }
  ByteView rest = outcome.data.bytes();
  while (rest.size() >= sizeof(signalfd_siginfo) && !closing_) {
    signalfd_siginfo info;
    std::memcpy(&info, rest.data(), sizeof info);
    rest = rest.subspan(sizeof info);
    events_.OnSignal(static_cast<int>(info.ssi_signo));
  }
  closing_ ? Join() : Receive();
}

void SignalReceiver::OnRetry(Fired) { closing_ ? Join() : Receive(); }

void SignalReceiver::Join() {
  if (receive_op_.in_flight() || retry_op_.in_flight() || close_op_.in_flight() || closed_) return;
  if (socket_.valid()) {
    loop_.Close(close_op_, socket_);
  } else {
    closed_ = true;
  }
}

void SignalReceiver::OnClosed(Closed) { closed_ = true; }

}  // namespace engine
