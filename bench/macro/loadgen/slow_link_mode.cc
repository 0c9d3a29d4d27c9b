// A TCP relay that adds --ms of one-way delay and a rate of --mbit to every connection to --to: an
// emulated link. It pushes back when more than --queue-ms waits, so it loses nothing.

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"

namespace loadgen {
namespace {

constexpr size_t kHeldMax = size_t{64} << 20;  // Per connection and direction.

using SharedSocket = std::shared_ptr<int>;

SharedSocket Share(int fd) {
  return {new int(fd), [](int* held) {
            close(*held);
            delete held;
          }};
}

void SleepUntil(int64_t time_ns) {
  const timespec time{time_ns / 1'000'000'000, time_ns % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

// EmulatedLink is one direction, shared by all connections: first in, first out.
class EmulatedLink {
 public:
  EmulatedLink(double delay_ms, double mbit, double queue_ms)
      : delay_ns_(static_cast<int64_t>(delay_ms * 1e6)),
        queue_ns_(static_cast<int64_t>(queue_ms * 1e6)),
        ns_per_byte_(mbit > 0 ? 8000.0 / mbit : 0) {}

  bool is_limited() const { return ns_per_byte_ > 0; }

  // Admit returns when `size` bytes that enter now come out.
  int64_t Admit(size_t size) {
    const std::lock_guard lock(mutex_);
    free_at_ = std::max(free_at_, NowNs()) +
               static_cast<int64_t>(static_cast<double>(size) * ns_per_byte_);
    return free_at_ + delay_ns_;
  }
  bool IsFull() {
    const std::lock_guard lock(mutex_);
    return is_limited() && free_at_ - NowNs() > queue_ns_;
  }

 private:
  std::mutex mutex_;
  int64_t free_at_ = 0;
  const int64_t delay_ns_, queue_ns_;
  const double ns_per_byte_;
};

// A piece of what travels, until it is due.
struct Piece {
  std::unique_ptr<char[]> bytes;
  size_t size = 0;
  int64_t due = 0;
};

// InFlight is what travels on the link for one connection. Memory of what arrived is used for what
// enters next, the last first, so that a link costs two copies and not a fresh page for each.
struct InFlight {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Piece> pieces;
  std::vector<Piece> spare;
  size_t bytes = 0;
  bool ended = false;
  bool broken = false;
};

void Deliver(const std::shared_ptr<InFlight>& flight, const SharedSocket& to) {
  for (;;) {
    Piece piece;
    {
      std::unique_lock lock(flight->mutex);
      flight->changed.wait(lock, [&] { return !flight->pieces.empty() || flight->ended; });
      if (flight->pieces.empty()) break;
      piece = std::move(flight->pieces.front());
      flight->pieces.pop_front();
    }
    if (piece.due > NowNs()) SleepUntil(piece.due);
    const bool ok = SendAll(*to, piece.bytes.get(), piece.size);
    const std::lock_guard lock(flight->mutex);
    flight->bytes -= piece.size;
    flight->broken = !ok;
    flight->spare.push_back(std::move(piece));
    flight->changed.notify_all();
    if (!ok) break;
  }
  shutdown(*to, SHUT_WR);
}

void Carry(const SharedSocket& from, const SharedSocket& to, EmulatedLink& link) {
  const auto flight = std::make_shared<InFlight>();
  std::thread(Deliver, flight, to).detach();
  const size_t piece_size = link.is_limited() ? 8 * 1024 : 64 * 1024;
  for (;;) {
    Piece piece;
    {
      std::unique_lock lock(flight->mutex);
      flight->changed.wait(lock, [&] { return flight->bytes < kHeldMax || flight->broken; });
      if (flight->broken) break;
      if (!flight->spare.empty()) {
        piece = std::move(flight->spare.back());
        flight->spare.pop_back();
      }
    }
    if (!piece.bytes) piece.bytes = std::make_unique_for_overwrite<char[]>(piece_size);
    while (link.IsFull()) SleepMicroseconds(200);
    const ssize_t received = recv(*from, piece.bytes.get(), piece_size, 0);
    if (received <= 0) break;
    piece.size = static_cast<size_t>(received);
    piece.due = link.Admit(piece.size);
    const std::lock_guard lock(flight->mutex);
    flight->bytes += piece.size;
    flight->pieces.push_back(std::move(piece));
    flight->changed.notify_all();
  }
  const std::lock_guard lock(flight->mutex);
  flight->ended = true;
  flight->changed.notify_all();
}

}  // namespace

int SlowLink(const Arguments& arguments) {
  RaiseDescriptorLimit();
  const double delay_ms = arguments.Number("ms", 10);
  const double mbit = arguments.Number("mbit", 0);
  const double queue_ms = arguments.Number("queue-ms", 50);
  static EmulatedLink there(delay_ms, mbit, queue_ms);
  static EmulatedLink back(delay_ms, mbit, queue_ms);
  const sockaddr_in address = AddressOf("127.0.0.1", arguments.Integer("to", 0));
  const int listener = ListenOn("127.0.0.1", arguments.Integer("port", 0));
  while (!StopWanted()) {
    pollfd incoming{listener, POLLIN, 0};
    if (poll(&incoming, 1, 500) <= 0) continue;
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    SetNoDelay(client);
    const SharedSocket near = Share(client);
    const int server = TryConnect(address);
    if (server < 0) continue;
    const SharedSocket far = Share(server);
    std::thread([near, far] { Carry(near, far, there); }).detach();
    std::thread([near, far] { Carry(far, near, back); }).detach();
  }
  return 0;
}

}  // namespace loadgen
