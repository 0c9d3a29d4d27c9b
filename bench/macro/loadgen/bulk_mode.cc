// Throughput of --streams parallel connections for --secs seconds, --dir up or down. With --cut 1
// (down only) it counts what was there by then and cuts the rest: slow ways hold minutes of it.

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

#include "bench/macro/loadgen/block_stream.h"
#include "bench/macro/loadgen/loadgen_modes.h"
#include "bench/macro/loadgen/loadgen_socket.h"

namespace loadgen {
namespace {

constexpr size_t kPumpBudget = 1 << 20;
constexpr int64_t kGraceNs = 20'000'000'000;  // After the measurement, until it has failed.

struct BulkStream {
  int fd = -1;
  BlockReader reader;
  BlockWriter writer;
  std::string reply;
  uint64_t bytes = 0;
  bool done = false;
};

class BulkRun {
 public:
  BulkRun(const sockaddr_in& address, int streams, double seconds, bool up, bool cut)
      : up_(up), cut_(cut), buffer_(kIoBufferSize), streams_(static_cast<size_t>(streams)) {
    for (BulkStream& stream : streams_) Start(stream, address, seconds);
    start_ = NowNs();
    end_ = start_ + static_cast<int64_t>(seconds * 1e9);
  }

  // Returns false when a stream broke or did not end in time.
  bool Run() {
    left_ = streams_.size();
    std::array<epoll_event, 64> events;
    while (left_ > 0) {
      const int count =
          epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), cut_ ? 5 : 1000);
      if (cut_ && NowNs() >= end_) return Finish(true);
      if (NowNs() > end_ + kGraceNs) return Finish(false);
      for (int i = 0; i < count; ++i) {
        auto& stream = *static_cast<BulkStream*>(events[static_cast<size_t>(i)].data.ptr);
        if (!stream.done && !Step(stream)) return Finish(false);
      }
    }
    return Finish(true);
  }

  const std::vector<BulkStream>& streams() const { return streams_; }
  double seconds() const { return static_cast<double>(finished_ - start_) / 1e9; }

 private:
  void Start(BulkStream& stream, const sockaddr_in& address, double seconds) {
    stream.fd = TryConnect(address);
    if (stream.fd < 0) Die(std::string("connect: ") + strerror(errno));
    SetTimeout(stream.fd, 10);
    // The first byte opens the far end.
    std::array<char, 5> request = {up_ ? 'U' : 'D'};
    const auto milliseconds = static_cast<uint32_t>(seconds * 1000);
    memcpy(request.data() + 1, &milliseconds, sizeof milliseconds);
    if (!SendAll(stream.fd, request.data(), up_ ? 1 : request.size())) {
      Die(std::string("send: ") + strerror(errno));
    }
    SetNonBlocking(stream.fd);
    epoll_event event{up_ ? EPOLLOUT : EPOLLIN, {.ptr = &stream}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, stream.fd, &event);
  }

  bool Step(BulkStream& stream) {
    if (up_ && !stream.writer.done()) {
      if (!stream.writer.Pump(stream.fd, blocks_, NowNs() >= end_, kPumpBudget)) return false;
      if (stream.writer.done()) {
        epoll_event event{EPOLLIN, {.ptr = &stream}};
        epoll_ctl(epoll_, EPOLL_CTL_MOD, stream.fd, &event);
      }
      return true;
    }
    const ssize_t received = recv(stream.fd, buffer_.data(), buffer_.size(), 0);
    if (received < 0 && errno == EAGAIN) return true;
    if (received <= 0) return false;
    Take(stream, static_cast<size_t>(received));
    if (stream.done) --left_;
    return true;
  }

  void Take(BulkStream& stream, size_t size) {
    if (up_) {
      stream.reply.append(buffer_.data(), size);
      stream.done = stream.reply.size() >= sizeof stream.bytes;
      if (stream.done) memcpy(&stream.bytes, stream.reply.data(), sizeof stream.bytes);
    } else {
      stream.reader.Feed(buffer_.data(), size);
      stream.bytes = stream.reader.bytes();
      stream.done = stream.reader.done();
    }
  }

  bool Finish(bool ok) {
    finished_ = NowNs();
    for (BulkStream& stream : streams_) close(stream.fd);
    return ok;
  }

  bool up_, cut_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  Blocks blocks_;
  std::vector<char> buffer_;
  std::vector<BulkStream> streams_;
  size_t left_ = 0;
  int64_t start_ = 0, end_ = 0, finished_ = 0;
};

}  // namespace

int Bulk(const Arguments& arguments) {
  const bool up = arguments.Text("dir", "up") == "up";
  const int streams = arguments.Integer("streams", 1);
  const bool cut = arguments.Integer("cut", 0) != 0;
  if (up && cut) Die("--cut needs --dir down");
  BulkRun run(AddressOf(arguments.Text("host", "127.0.0.1"), arguments.Integer("port", 0)), streams,
              arguments.Number("secs", 3), up, cut);
  const double cpu = OwnCpuSeconds();
  const bool ok = run.Run();
  uint64_t total = 0, least = UINT64_MAX, most = 0;
  for (const BulkStream& stream : run.streams()) {
    total += stream.bytes;
    least = std::min(least, stream.bytes);
    most = std::max(most, stream.bytes);
  }
  std::printf(
      "{\"mode\":\"bulk\",\"dir\":\"%s\",\"streams\":%d,\"ok\":%s,\"secs\":%.3f,\"bytes\":%" PRIu64
      ",\"MBps\":%.1f,\"stream_min_MB\":%.1f,\"stream_max_MB\":%.1f,\"loadgen_cpu_s\":%.3f}\n",
      up ? "up" : "down", streams, ok ? "true" : "false", run.seconds(), total,
      static_cast<double>(total) / run.seconds() / 1e6, static_cast<double>(least) / 1e6,
      static_cast<double>(most) / 1e6, OwnCpuSeconds() - cpu);
  return ok ? 0 : 1;
}

}  // namespace loadgen
