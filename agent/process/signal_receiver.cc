#include "agent/process/signal_receiver.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <chrono>
#include <cstring>

#include "engine/base/check.h"

namespace agent {
namespace {

constexpr engine::Duration kNoBuffersPause = std::chrono::milliseconds(5);

sigset_t SetOf(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : signals) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

void SignalReceiver::Block(std::initializer_list<int> signals) {
  const sigset_t set = SetOf(signals);
  CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

SignalReceiver::SignalReceiver(engine::Loop& loop, std::initializer_list<int> signals,
                               Events& events)
    : loop_(loop),
      events_(events),
      receive_op_(engine::Handler<engine::Received>::To<&SignalReceiver::OnReceived>(this)),
      retry_op_(engine::Handler<engine::Fired>::To<&SignalReceiver::OnRetry>(this)),
      close_op_(engine::Handler<engine::Closed>::To<&SignalReceiver::OnClosed>(this)) {
  const sigset_t set = SetOf(signals);
  const int descriptor = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  CHECK(descriptor >= 0);
  socket_ = {descriptor, engine::SocketKind::kFile};
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

void SignalReceiver::Receive() { loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce); }

void SignalReceiver::OnReceived(engine::Received outcome) {
  if (closing_) return Join();
  if (outcome.error == engine::IoError::kNoBuffers) {
    return loop_.StartTimer(retry_op_, loop_.Now() + kNoBuffersPause);
  }
  CHECK(outcome.error == engine::IoError::kNone);  // A signalfd neither ends nor fails.
  engine::ByteView rest = outcome.data.bytes();
  while (rest.size() >= sizeof(signalfd_siginfo) && !closing_) {
    signalfd_siginfo info;
    std::memcpy(&info, rest.data(), sizeof info);
    rest = rest.subspan(sizeof info);
    events_.OnSignal(static_cast<int>(info.ssi_signo));
  }
  closing_ ? Join() : Receive();
}

void SignalReceiver::OnRetry(engine::Fired) { closing_ ? Join() : Receive(); }

void SignalReceiver::Join() {
  if (receive_op_.in_flight() || retry_op_.in_flight() || close_op_.in_flight() || closed_) return;
  loop_.Close(close_op_, socket_);
}

void SignalReceiver::OnClosed(engine::Closed) { closed_ = true; }

}  // namespace agent
