#include "client/signal_source.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "engine/base/check.h"

namespace client {

SignalSource::SignalSource(std::initializer_list<int> signals)
    : receive_op_(engine::Handler<engine::Received>::To<&SignalSource::OnReceived>(this)) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : signals) ::sigaddset(&set, number);
  CHECK(::pthread_sigmask(SIG_BLOCK, &set, &before_) == 0);
  // Without one (no descriptors left) the signals stay pending, and the process can still be
  // killed.
  descriptor_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

SignalSource::~SignalSource() {
  CHECK(!receive_op_.in_flight());
  if (descriptor_ >= 0) ::close(descriptor_);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void SignalSource::Start(engine::Loop& loop, Events& events) {
  if (descriptor_ < 0) return;
  loop_ = &loop;
  events_ = &events;
  loop_->Receive(receive_op_, loop_->Adopt(descriptor_), engine::ReceiveMode::kOnce);
}

void SignalSource::Stop() {
  stopped_ = true;
  if (loop_ == nullptr) return;
  if (receive_op_.in_flight()) return loop_->Cancel(receive_op_);
  Leave();
}

// Leave is not left to the destructor: the loop may be gone by then.
void SignalSource::Leave() {
  if (loop_ == nullptr) return;
  loop_->Release({.handle = descriptor_, .kind = engine::SocketKind::kFile});
  loop_ = nullptr;
}

void SignalSource::OnReceived(engine::Received outcome) {
  if (stopped_) return Leave();
  if (outcome.error != engine::IoError::kNone && outcome.error != engine::IoError::kNoBuffers)
    return;
  const std::span<std::byte> bytes = outcome.data.bytes();
  for (size_t offset = 0; offset + sizeof(signalfd_siginfo) <= bytes.size();
       offset += sizeof(signalfd_siginfo)) {
    signalfd_siginfo info;
    std::memcpy(&info, bytes.data() + offset, sizeof(info));
    events_->OnSignal(static_cast<int>(info.ssi_signo));
  }
  if (stopped_) return Leave();
  loop_->Receive(receive_op_, {.handle = descriptor_, .kind = engine::SocketKind::kFile},
                 engine::ReceiveMode::kOnce);
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

}  // namespace client
