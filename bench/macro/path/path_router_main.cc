// path_router: a way of two legs, client - relay - node, each a pair of TUN devices in two network
// namespaces, with delay, rate, queue and loss of single packets. The kernel's TCP runs over it.
//
//   path_router --client NS --relay NS --node NS [--leg-ms MS] [--mbit RATE] [--queue-kb SIZE]
//               [--loss SHARE] [--seed N]
//
// NS is a namespace's path. --leg-ms is the delay of one leg, one way; --loss is that of one leg
// and direction. It prints {"ready":true}, and at its end (SIGTERM) what each direction carried.

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/macro/path/packet_link.h"
#include "bench/macro/path/tun_device.h"

namespace path {
namespace {

constexpr size_t kPacketMax = 2048;
constexpr int kBatch = 64;  // Packets read before those that are due are sent.
constexpr int64_t kLookNs = 200'000'000;

std::atomic<bool> stop_wanted = false;

int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// Direction carries packets from one device to another, on a thread of its own.
class Direction {
 public:
  Direction(std::string name, int from, int to, const LinkOptions& options)
      : name_(std::move(name)), from_(from), to_(to), link_(options) {}

  void Run() {
    prctl(PR_SET_TIMERSLACK, 1);
    while (!stop_wanted) {
      const bool is_drained = TakeIn();
      GiveOut();
      if (is_drained) Wait();
    }
  }

  std::string Counts() const {
    std::array<char, 256> text;
    std::snprintf(text.data(), text.size(),
                  "\"%s\":{\"passed\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"overflowed\":%" PRIu64
                  ",\"late_ms_max\":%.2f}",
                  name_.c_str(), link_.counts().passed, link_.counts().lost,
                  link_.counts().overflowed, static_cast<double>(late_ns_max_) / 1e6);
    return text.data();
  }

 private:
  struct Packet {
    int64_t due_ns;
    size_t size;
    std::unique_ptr<char[]> bytes;
  };

  // TakeIn returns true when the device has no more.
  bool TakeIn() {
    for (int i = 0; i < kBatch; ++i) {
      if (spare_ == nullptr) spare_.reset(new char[kPacketMax]);
      const ssize_t size = read(from_, spare_.get(), kPacketMax);
      if (size <= 0) return true;
      const auto due = link_.Admit(NowNs(), static_cast<size_t>(size));
      if (due) travelling_.push_back({*due, static_cast<size_t>(size), std::move(spare_)});
    }
    return false;
  }

  void GiveOut() {
    const int64_t now = NowNs();
    while (!travelling_.empty() && travelling_.front().due_ns <= now) {
      Packet& packet = travelling_.front();
      late_ns_max_ = std::max(late_ns_max_, now - packet.due_ns);
      // What the device refuses is lost, as on a wire.
      if (write(to_, packet.bytes.get(), packet.size) < 0 && errno == EBADFD) stop_wanted = true;
      spare_ = std::move(packet.bytes);
      travelling_.pop_front();
    }
  }

  void Wait() {
    int64_t left = kLookNs;
    if (!travelling_.empty()) left = std::min(left, travelling_.front().due_ns - NowNs());
    if (left <= 0) return;
    pollfd readable{from_, POLLIN, 0};
    const timespec time{0, left};
    ppoll(&readable, 1, &time, nullptr);
  }

  const std::string name_;
  const int from_, to_;
  PacketLink link_;
  std::deque<Packet> travelling_;  // By due time: a direction keeps the order.
  std::unique_ptr<char[]> spare_;
  int64_t late_ns_max_ = 0;
};

class Options {
 public:
  Options(int argc, char** argv) {
    if (argc % 2 == 0) Usage();
    for (int i = 1; i < argc; i += 2) {
      const std::string name = argv[i];
      if (name.rfind("--", 0) != 0) Usage();
      values_[name.substr(2)] = argv[i + 1];
    }
  }

  const std::string& Text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) Usage();
    return found->second;
  }
  double Number(const std::string& name, double otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : std::strtod(found->second.c_str(), nullptr);
  }

 private:
  [[noreturn]] static void Usage() {
    std::fprintf(stderr,
                 "usage: path_router --client NS --relay NS --node NS [--leg-ms MS] [--mbit RATE] "
                 "[--queue-kb SIZE] [--loss SHARE] [--seed N]\n");
    std::exit(2);
  }

  std::map<std::string, std::string> values_;
};

int Route(const Options& options) {
  LinkOptions link;
  link.delay_ns = static_cast<int64_t>(options.Number("leg-ms", 0) * 1e6);
  const double mbit = options.Number("mbit", 0);
  link.ns_per_byte = mbit > 0 ? 8000.0 / mbit : 0;
  link.queue_bytes = static_cast<size_t>(options.Number("queue-kb", 256) * 1024);
  link.loss = options.Number("loss", 0);
  const auto seed = static_cast<uint64_t>(options.Number("seed", 1));

  const int client = OpenTun(options.Text("client"), "relay0");
  const int relay_to_client = OpenTun(options.Text("relay"), "client0");
  const int relay_to_node = OpenTun(options.Text("relay"), "node0");
  const int node = OpenTun(options.Text("node"), "relay0");
  std::deque<Direction> directions;
  const auto add = [&](const char* name, int from, int to) {
    link.seed = seed * 4 + directions.size();
    directions.emplace_back(name, from, to, link);
  };
  add("client_up", client, relay_to_client);
  add("client_down", relay_to_client, client);
  add("node_up", relay_to_node, node);
  add("node_down", node, relay_to_node);

  std::vector<std::thread> threads;
  for (Direction& direction : directions) {
    threads.emplace_back([&direction] { direction.Run(); });
  }
  std::printf("{\"ready\":true}\n");
  std::fflush(stdout);
  for (std::thread& thread : threads) thread.join();
  std::printf("{");
  const char* comma = "";
  for (const Direction& direction : directions) {
    std::printf("%s%s", comma, direction.Counts().c_str());
    comma = ",";
  }
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace path

int main(int argc, char** argv) {
  const auto stop = [](int) { path::stop_wanted = true; };
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  return path::Route(path::Options(argc, argv));
}
