// New connections: connect, one byte echoed, close; --conc at a time for --secs seconds.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"
#include "bench/macro/loadgen/percentiles.h"

namespace loadgen {
namespace {

constexpr uint64_t kErrorsMax = 1000;        // Then no new connections are tried.
constexpr int64_t kGraceNs = 5'000'000'000;  // After the measurement, until the rest are stuck.

enum class SlotState { kIdle, kConnecting, kEchoing, kOver };

struct Slot {
  int fd = -1;
  int64_t start = 0;
  SlotState state = SlotState::kIdle;
};

class ConnectionRun {
 public:
  ConnectionRun(const sockaddr_in& address, int count, double seconds)
      : address_(address), slots_(static_cast<size_t>(count)), live_(slots_.size()) {
    start_ = last_ = NowNs();
    end_ = start_ + static_cast<int64_t>(seconds * 1e9);
  }

  void Run() {
    for (Slot& slot : slots_) Begin(slot);
    std::array<epoll_event, 256> events;
    while (live_ > 0 && NowNs() < end_ + kGraceNs) {
      RetryFailed();
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      for (int i = 0; i < count; ++i) {
        Step(*static_cast<Slot*>(events[static_cast<size_t>(i)].data.ptr));
      }
    }
  }

  std::vector<int64_t>& durations() { return durations_; }
  uint64_t errors() const { return errors_; }
  size_t stuck() const { return live_; }
  const std::string& first_error() const { return first_error_; }
  double seconds() const {
    return static_cast<double>(std::max(last_, start_ + 1'000'000) - start_) / 1e9;
  }

 private:
  bool GoesOn() const { return NowNs() < end_ && errors_ <= kErrorsMax; }

  void Fail(const char* what) {
    if (errors_++ == 0) first_error_ = std::string(what) + ": " + strerror(errno);
  }

  void Begin(Slot& slot) {
    slot.start = NowNs();
    slot.fd = TryConnect(address_, true);
    if (slot.fd < 0) {
      slot.state = SlotState::kIdle;
      return Fail("connect");
    }
    slot.state = SlotState::kConnecting;
    epoll_event event{EPOLLOUT, {.ptr = &slot}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, slot.fd, &event);
  }

  void Retire(Slot& slot) {
    slot.state = SlotState::kOver;
    --live_;
  }

  // Connections that failed at once are tried again, at most once per wake-up.
  void RetryFailed() {
    for (Slot& slot : slots_) {
      if (slot.state != SlotState::kIdle) continue;
      if (!GoesOn()) {
        Retire(slot);
        continue;
      }
      SleepMicroseconds(1000);
      Begin(slot);
    }
  }

  void Step(Slot& slot) {
    if (slot.state == SlotState::kConnecting) {
      if (send(slot.fd, "Ex", 2, MSG_NOSIGNAL) == 2) {
        slot.state = SlotState::kEchoing;
        epoll_event event{EPOLLIN, {.ptr = &slot}};
        epoll_ctl(epoll_, EPOLL_CTL_MOD, slot.fd, &event);
        return;
      }
      Fail("send");
    } else {
      char echo;
      errno = 0;
      const ssize_t received = recv(slot.fd, &echo, 1, 0);
      if (received < 0 && errno == EAGAIN) return;
      if (received == 1) {
        last_ = NowNs();
        durations_.push_back(last_ - slot.start);
      } else {
        Fail("recv");
      }
    }
    close(slot.fd);
    if (GoesOn()) {
      Begin(slot);
    } else {
      Retire(slot);
    }
  }

  sockaddr_in address_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Slot> slots_;
  size_t live_;
  std::vector<int64_t> durations_;
  uint64_t errors_ = 0;
  std::string first_error_;
  int64_t start_ = 0, end_ = 0, last_ = 0;
};

}  // namespace

int ConnectionRate(const Arguments& arguments) {
  RaiseDescriptorLimit();
  const int count = arguments.Integer("conc", 1);
  const double cpu = OwnCpuSeconds();
  ConnectionRun run(AddressOf(arguments.Text("host", "127.0.0.1"), arguments.Integer("port", 0)),
                    count, arguments.Number("secs", 2));
  run.Run();
  const auto done = static_cast<double>(run.durations().size());
  const bool ok = done > 0 && run.errors() == 0 && run.stuck() == 0;
  std::printf(
      "{\"mode\":\"connrate\",\"conc\":%d,\"ok\":%s,\"secs\":%.3f,\"conns_per_s\":%.1f,"
      "\"errors\":%" PRIu64 ",\"stuck\":%zu,\"first_error\":\"%s\",%s,\"loadgen_cpu_s\":%.3f}\n",
      count, ok ? "true" : "false", run.seconds(), done / run.seconds(), run.errors(), run.stuck(),
      run.first_error().c_str(), PercentilesJson(run.durations()).c_str(), OwnCpuSeconds() - cpu);
  return 0;
}

}  // namespace loadgen
