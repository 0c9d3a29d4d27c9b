// What do the options of io_uring's requests save on a message of 64 bytes? A receive that first
// tries and one that first waits (POLL_FIRST), one request a message and one for all of them
// (multishot, with a provided ring), descriptors and registered files, each beside the plain way.
//
// One thread and one ring have both ends of a TCP connection on the loopback interface: a message
// there and one back. The receive is started before its message is sent, as in a loop that waits.

#include <benchmark/benchmark.h>
#include <liburing.h>
#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <vector>

#include "bench/micro/join_candidates.h"
#include "engine/base/check.h"

namespace bench {
namespace {

constexpr unsigned kMessageSize = 64;
constexpr unsigned kBlocks = 64;  // A power of two.
constexpr unsigned kBlockSize = 2048;
constexpr int kGroup = 1;

enum Way : int64_t { kPlain, kPollFirst, kMultishot, kRegisteredFiles };

// Ring has the provided blocks and, if asked for, both sockets as registered files.
class Ring {
 public:
  Ring(const TcpPair& pair, Way way) : way_(way), sockets_{pair.near, pair.far} {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    if (::io_uring_queue_init_params(64, &ring_, &params) != 0) return;
    open_ = true;
    ::io_uring_register_ring_fd(&ring_);
    if (way == kRegisteredFiles && ::io_uring_register_files(&ring_, sockets_.data(), 2) != 0) {
      return;
    }
    void* memory = ::mmap(nullptr, kBlocks * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    entries_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(memory);
    registration.ring_entries = kBlocks;
    registration.bgid = kGroup;
    if (::io_uring_register_buf_ring(&ring_, &registration, 0) != 0) return;
    ::io_uring_buf_ring_init(entries_);
    for (unsigned i = 0; i < kBlocks; ++i) Lend(i);
    works_ = true;
  }
  ~Ring() {
    if (open_) ::io_uring_queue_exit(&ring_);
    if (entries_ != nullptr) ::munmap(entries_, kBlocks * sizeof(io_uring_buf));
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  bool works() const { return works_; }

  void StartReceive(unsigned end) {
    if (receiving_[end]) return;
    receiving_[end] = true;
    io_uring_sqe* entry = Next(end);
    if (way_ == kMultishot) {
      ::io_uring_prep_recv_multishot(entry, entry->fd, nullptr, 0, 0);
    } else {
      ::io_uring_prep_recv(entry, entry->fd, nullptr, kBlockSize, 0);
    }
    if (way_ == kPollFirst) entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
    Finish(entry, end);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = kGroup;
  }

  void StartSend(unsigned end) {
    io_uring_sqe* entry = Next(end);
    ::io_uring_prep_send(entry, entry->fd, message_.data(), message_.size(), MSG_NOSIGNAL);
    Finish(entry, kSent);
  }

  // AwaitMessage runs until a message has come at `end`; sends complete meanwhile.
  void AwaitMessage(unsigned end) {
    while (true) {
      io_uring_cqe* cqe = nullptr;
      if (::io_uring_peek_cqe(&ring_, &cqe) != 0) {
        ::io_uring_submit_and_wait(&ring_, 1);
        continue;
      }
      const io_uring_cqe done = *cqe;
      ::io_uring_cqe_seen(&ring_, cqe);
      CHECK(done.res == static_cast<int>(kMessageSize));
      if (done.user_data == kSent) continue;
      CHECK(done.user_data == end);
      receiving_[end] = (done.flags & IORING_CQE_F_MORE) != 0;
      Lend(done.flags >> IORING_CQE_BUFFER_SHIFT);
      return;
    }
  }

 private:
  static constexpr uint64_t kSent = 2;

  io_uring_sqe* Next(unsigned end) {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
    CHECK(entry != nullptr);
    entry->fd = way_ == kRegisteredFiles ? static_cast<int>(end) : sockets_[end];
    return entry;
  }
  void Finish(io_uring_sqe* entry, uint64_t name) {
    entry->user_data = name;
    if (way_ == kRegisteredFiles) entry->flags |= IOSQE_FIXED_FILE;
  }
  void Lend(unsigned id) {
    ::io_uring_buf_ring_add(entries_, blocks_.data() + size_t{id} * kBlockSize, kBlockSize,
                            static_cast<uint16_t>(id), ::io_uring_buf_ring_mask(kBlocks), 0);
    ::io_uring_buf_ring_advance(entries_, 1);
  }

  const Way way_;
  const std::array<int, 2> sockets_;
  std::array<bool, 2> receiving_{};
  std::array<char, kMessageSize> message_{};
  std::vector<char> blocks_ = std::vector<char>(kBlocks * kBlockSize);
  io_uring ring_{};
  io_uring_buf_ring* entries_ = nullptr;
  bool open_ = false;
  bool works_ = false;
};

void RoundTrip(benchmark::State& state) {
  const TcpPair pair;
  Ring ring(pair, static_cast<Way>(state.range(0)));
  if (!ring.works()) return state.SkipWithError("this kernel cannot do that");
  for (auto _ : state) {
    for (const unsigned end : {0U, 1U}) {
      ring.StartReceive(end);
      ring.StartSend(1 - end);
      ring.AwaitMessage(end);
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(RoundTrip)
    ->ArgName("way")
    ->Arg(kPlain)
    ->Arg(kPollFirst)
    ->Arg(kMultishot)
    ->Arg(kRegisteredFiles)
    ->UseRealTime();

}  // namespace
}  // namespace bench
