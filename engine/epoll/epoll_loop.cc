#include "engine/epoll/epoll_loop.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "engine/loop/io_error.h"

namespace engine {
namespace {

constexpr uint32_t kReadable = EPOLLIN | EPOLLPRI | EPOLLRDHUP;
constexpr uint32_t kWritable = EPOLLOUT;
constexpr uint32_t kEnded = EPOLLHUP | EPOLLERR;
constexpr uint64_t kWakeMark = UINT64_MAX;  // Events carry the descriptor, or this.

int Descriptor(Socket socket) { return static_cast<int>(socket.handle); }

// Wait is epoll_wait with a timeout in nanoseconds, where the kernel (5.11) has it.
int Wait(int epoll, std::span<epoll_event> events, Duration wait_max) {
  static std::atomic<bool> has_nanoseconds = true;
  const int size = static_cast<int>(events.size());
  if (has_nanoseconds) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(wait_max);
    const timespec time{.tv_sec = seconds.count(), .tv_nsec = (wait_max - seconds).count()};
    const int count = ::epoll_pwait2(epoll, events.data(), size, &time, nullptr);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    has_nanoseconds = false;
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(wait_max).count();
  const int timeout = static_cast<int>(std::min<int64_t>(milliseconds, INT32_MAX));
  return ::epoll_wait(epoll, events.data(), size, timeout);
}

}  // namespace

void EpollLoop::FreeWatches::operator()(Watch* watches) const {
  ::munmap(watches, kDescriptorsMax * sizeof(Watch));
}

EpollLoop::EpollLoop(uint16_t block_count, uint32_t block_size)
    : PosixLoop(block_count, block_size) {
  void* memory = ::mmap(nullptr, kDescriptorsMax * sizeof(Watch), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  watches_.reset(static_cast<Watch*>(memory));
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll_ >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeMark}};
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_descriptor(), &event) == 0);
}

EpollLoop::~EpollLoop() { ::close(epoll_); }

void EpollLoop::RunOnce(Duration wait_max) {
  const int count = Wait(epoll_, events_, PrepareWait(wait_max));
  CHECK(count >= 0 || errno == EINTR);
  BeginIteration();
  for (int i = 0; i < count; ++i) HandleEvent(events_[static_cast<size_t>(i)]);
  RunReady();
}

void EpollLoop::HandleEvent(const epoll_event& event) {
  if (event.data.u64 == kWakeMark) {
    uint64_t wakes = 0;
    [[maybe_unused]] const ssize_t size = ::read(wake_descriptor(), &wakes, sizeof wakes);
    WakeWasSeen();
    return;
  }
  Watch& watch = watches_[event.data.u64];
  // The end and errors concern both directions: their next try learns which it was.
  if ((event.events & (kEnded | EPOLLRDHUP | EPOLLPRI)) != 0) watch.more_than_bytes = true;
  if ((event.events & (kReadable | kEnded)) != 0) {
    watch.maybe_readable = true;
    Notify(watch.reader);
  }
  if ((event.events & (kWritable | kEnded)) != 0) {
    watch.maybe_writable = true;
    Notify(watch.writer);
  }
  // The one shot of a file is over for the direction that did not become ready, too.
  Op*& other = watch.reader != nullptr ? watch.reader : watch.writer;
  if (other == nullptr || other->socket.kind != SocketKind::kFile) return;
  if (ArmFile(other->socket) != 0) Notify(other);  // The call that follows says what is wrong.
}

void EpollLoop::Notify(Op*& waiting) {
  Op* op = std::exchange(waiting, nullptr);
  if (op == nullptr) return;
  op->socket.kind == SocketKind::kFile ? FileIsReady(*op) : MakeReady(*op);
}

EpollLoop::Direction EpollLoop::DirectionOf(const Op& op) {
  bool reads = op.kind == OpKind::kReceive || op.kind == OpKind::kAccept;
  if (op.kind == OpKind::kForward) reads = !static_cast<const ForwardOp&>(op).state.awaits_room;
  return reads ? Direction::kRead : Direction::kWrite;
}

EpollLoop::Watch& EpollLoop::WatchOf(const Op& op) {
  return watches_[static_cast<size_t>(op.socket.handle)];
}

void EpollLoop::Start(Op& op) {
  if (op.socket.handle >= static_cast<intptr_t>(kDescriptorsMax)) return MakeReady(op);
  const Watch& watch = WatchOf(op);
  const bool reads = DirectionOf(op) == Direction::kRead;
  // Two ops that wait for the same direction could not both be woken.
  CHECK((reads ? watch.reader : watch.writer) == nullptr);
  const bool maybe_ready = reads ? watch.maybe_readable : watch.maybe_writable;
  watch.registered && !maybe_ready ? Await(op) : MakeReady(op);
}

void EpollLoop::Await(Op& op) {
  Watch& watch = WatchOf(op);
  const bool reads = DirectionOf(op) == Direction::kRead;
  op.stage = OpStage::kWaiting;
  (reads ? watch.maybe_readable : watch.maybe_writable) = false;
  (reads ? watch.reader : watch.writer) = &op;
  if (watch.registered) return;

  epoll_event event{.events = kReadable | kWritable | EPOLLET,
                    .data = {.u64 = static_cast<uint64_t>(op.socket.handle)}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, Descriptor(op.socket), &event) == 0) {
    watch.registered = true;
    return;
  }
  // The kernel has no memory or watches left: say so in the next iteration.
  (reads ? watch.reader : watch.writer) = nullptr;
  (reads ? watch.maybe_readable : watch.maybe_writable) = true;
  FailLater(op, IoError::kExhausted);
}

void EpollLoop::AwaitSocket(ForwardOp& op) {
  if (op.socket.handle >= static_cast<intptr_t>(kDescriptorsMax))
    return FailLater(op, IoError::kExhausted);
  const Watch& watch = WatchOf(op);
  CHECK((op.state.awaits_room ? watch.writer : watch.reader) == nullptr);
  Await(op);
}

bool EpollLoop::MayAwait(Socket socket, bool drained) const {
  if (socket.handle >= static_cast<intptr_t>(kDescriptorsMax)) return true;
  const Watch& watch = watches_[static_cast<size_t>(socket.handle)];
  return drained && watch.registered && !watch.more_than_bytes;
}

void EpollLoop::AwaitFile(Op& op) {
  if (op.socket.handle >= static_cast<intptr_t>(kDescriptorsMax))
    return FailLater(op, IoError::kExhausted);
  Watch& watch = WatchOf(op);
  const bool reads = DirectionOf(op) == Direction::kRead;
  CHECK((reads ? watch.reader : watch.writer) == nullptr);
  op.stage = OpStage::kWaiting;
  (reads ? watch.reader : watch.writer) = &op;

  const int error_number = ArmFile(op.socket);
  if (error_number == 0) return;
  (reads ? watch.reader : watch.writer) = nullptr;
  // EPERM: a file that epoll does not watch, because it is always ready. On any other error the
  // call that follows says what is wrong.
  const bool exhausted = error_number == ENOSPC || error_number == ENOMEM;
  exhausted ? FailLater(op, IoError::kExhausted) : FileIsReady(op);
}

int EpollLoop::ArmFile(Socket file) {
  // One shot, for whoever waits. Whether the descriptor is registered is not remembered: the number
  // of a file that was closed elsewhere may have been given to another.
  Watch& watch = watches_[static_cast<size_t>(file.handle)];
  epoll_event event{.events = EPOLLONESHOT, .data = {.u64 = static_cast<uint64_t>(file.handle)}};
  if (watch.reader != nullptr) event.events |= EPOLLIN;
  if (watch.writer != nullptr) event.events |= EPOLLOUT;
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, Descriptor(file), &event) == 0) return 0;
  if (errno != ENOENT) return errno;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, Descriptor(file), &event) != 0) return errno;
  watch.registered = true;
  return 0;
}

void EpollLoop::StopWaiting(Op& op) {
  Watch& watch = WatchOf(op);
  Op*& waiting = DirectionOf(op) == Direction::kRead ? watch.reader : watch.writer;
  CHECK(waiting == &op);
  waiting = nullptr;
  MakeReady(op);
}

void EpollLoop::Forget(Socket socket) {
  if (socket.handle >= static_cast<intptr_t>(kDescriptorsMax)) return;
  Watch& watch = watches_[static_cast<size_t>(socket.handle)];
  CHECK(watch.reader == nullptr);
  CHECK(watch.writer == nullptr);
  // Closing would do it, unless another process shares the description.
  if (watch.registered) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, Descriptor(socket), nullptr);
  watch = Watch{};
}

void EpollLoop::Welcome(Socket socket) {
  if (socket.handle >= static_cast<intptr_t>(kDescriptorsMax)) return;
  watches_[static_cast<size_t>(socket.handle)] = Watch{};
}

}  // namespace engine
