// How should a relay move bytes from one socket to another? What the product does, Loop::Forward
// (splice(2) driven by readiness), beside what else this kernel offers: splice driven by io_uring,
// a copy through a buffer, receives into a provided ring with sends of what came, and a BPF sockmap
// that redirects inside the kernel.
//
// One thread writes, one reads, over TCP on the loopback interface, and the candidate joins the two
// connections. `cpu_s_per_GB` is the process's CPU time without that of writer and reader: kernel
// threads that work for the candidate (io_uring's) count. A sockmap's work is done in the context
// of whoever delivers the packet, so only `all_cpu_s_per_GB`, which has all threads, is fair to it.

#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <time.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/micro/join_candidates.h"
#include "engine/base/check.h"
#include "engine/epoll/epoll_loop.h"
#include "engine/loop/loop.h"
#include "engine/uring/uring_loop.h"

namespace bench {
namespace {

constexpr size_t kPieceSize = 256 * 1024;

double ThreadSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double ProcessSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// LoopJoin is the product's own join.
class LoopJoin final : public JoinCandidate {
 public:
  explicit LoopJoin(std::unique_ptr<engine::PosixLoop> loop) : loop_(std::move(loop)) {}
  bool Run(int from, int to) override {
    const engine::Socket source = loop_->Adopt(from);
    const engine::Socket sink = loop_->Adopt(to);
    loop_->Forward(op_, source, sink);
    while (op_.in_flight()) loop_->RunOnce(std::chrono::seconds(1));
    loop_->Release(source);
    loop_->Release(sink);
    return ended_;
  }

 private:
  void OnForwarded(engine::Forwarded outcome) {
    ended_ = outcome.error == engine::IoError::kEndOfStream;
  }

  std::unique_ptr<engine::PosixLoop> loop_;
  engine::ForwardOp op_{engine::Handler<engine::Forwarded>::To<&LoopJoin::OnForwarded>(this)};
  bool ended_ = false;
};

using Make = std::unique_ptr<JoinCandidate> (*)(std::string& why);

std::unique_ptr<JoinCandidate> MakeUringLoop(std::string& why) {
  auto loop = engine::UringLoop::Create({.block_count = 64, .block_size = 32 * 1024}, why);
  if (loop == nullptr) return nullptr;
  return std::make_unique<LoopJoin>(std::move(loop));
}

std::unique_ptr<JoinCandidate> MakeEpollLoop(std::string&) {
  return std::make_unique<LoopJoin>(
      std::make_unique<engine::EpollLoop>(uint16_t{64}, uint32_t{32 * 1024}));
}

void Join(benchmark::State& state, Make make) {
  const auto total = static_cast<size_t>(state.range(0)) << 20;
  double join_seconds = 0;
  double all_seconds = 0;
  for (auto _ : state) {
    std::string why;
    const std::unique_ptr<JoinCandidate> candidate = make(why);
    if (candidate == nullptr) {
      state.SetLabel("not on this machine: " + why);
      continue;
    }
    const TcpPair left;
    const TcpPair right;
    std::atomic<double> ends_seconds{0};
    std::atomic<size_t> received{0};
    const double before = ProcessSeconds();
    std::thread writer([&] {
      const std::vector<char> piece(kPieceSize, 'x');
      for (size_t sent = 0; sent < total;) {
        sent += SendSome(left.near, piece.data(), std::min(piece.size(), total - sent));
      }
      Finish(left.near);
      ends_seconds += ThreadSeconds();
    });
    std::thread reader([&] {
      std::vector<char> piece(kPieceSize);
      while (received < total) {
        const size_t size = ReceiveSome(right.far, piece.data(), piece.size());
        if (size == 0) break;
        received += size;
      }
      candidate->Received(received);
      ends_seconds += ThreadSeconds();
    });
    const bool ok = candidate->Run(left.far, right.near);
    Finish(right.near);
    writer.join();
    reader.join();
    const double all = ProcessSeconds() - before;
    all_seconds += all;
    join_seconds += all - ends_seconds;
    if (!ok || received != total) {
      state.SkipWithError("bytes were lost");
      break;
    }
  }
  const double gigabytes =
      static_cast<double>(total) * static_cast<double>(state.iterations()) / 1e9;
  state.SetBytesProcessed(static_cast<int64_t>(total) * state.iterations());
  state.counters["cpu_s_per_GB"] = join_seconds / gigabytes;
  state.counters["all_cpu_s_per_GB"] = all_seconds / gigabytes;
}

#ifdef NDEBUG
constexpr int64_t kMebibytes = 2048;
#else
constexpr int64_t kMebibytes = 4;
#endif

void Shape(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(kMebibytes)->UseRealTime()->Iterations(1)->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(Join, product_uring, MakeUringLoop)->Apply(Shape);
BENCHMARK_CAPTURE(Join, product_epoll, MakeEpollLoop)->Apply(Shape);
BENCHMARK_CAPTURE(Join, copy, MakeCopy)->Apply(Shape);
BENCHMARK_CAPTURE(Join, uring_splice, MakeUringSplice)->Apply(Shape);
BENCHMARK_CAPTURE(Join, uring_provided_ring, MakeUringRing)->Apply(Shape);
BENCHMARK_CAPTURE(Join, uring_bundles, MakeUringBundles)->Apply(Shape);
#ifdef NDEBUG
// Not where it runs as a test: bytes that are under way while the sockets are put into the map may
// stay in it for ever, which happens on a busy machine.
BENCHMARK_CAPTURE(Join, sockmap, MakeSockmap)->Apply(Shape);
#endif

}  // namespace
}  // namespace bench
