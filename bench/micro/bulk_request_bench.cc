// What do io_uring's requests for many bytes save on 256 KiB over a loopback connection? Sent as
// one request with 16 slices, as 16 linked requests, or as a bundle of 16 provided buffers;
// received by one request a provided buffer, by one into several slices, as a bundle, or into a
// buffer that is taken a part at a time (incremental), each beside the plain way.
//
// One thread: it sends with the way under question and reads with recv(2), or the other way round,
// so that the difference between two ways is the request's own. Times are CPU time.

#include <benchmark/benchmark.h>
#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <vector>

#include "bench/micro/join_candidates.h"
#include "engine/base/check.h"

namespace bench {
namespace {

// As in the kernel's linux/io_uring.h: the library's headers may be older.
constexpr unsigned kRecvSendBundle = 1U << 4;  // IORING_RECVSEND_BUNDLE, since 6.10.
constexpr unsigned kIncrementalRing = 2;       // IOU_PBUF_RING_INC, since 6.12.
constexpr unsigned kBufferStays = 1U << 4;     // IORING_CQE_F_BUF_MORE.

constexpr size_t kSlice = 16 * 1024;
constexpr unsigned kSlices = 16;
constexpr size_t kTotal = kSlices * kSlice;
constexpr int kGroup = 1;

enum Way : int64_t { kOne, kSlicesOfOne, kLinked, kBundle, kIncremental };

// Requests has a ring, and the 256 KiB that all requests lend or fill.
class Requests {
 public:
  explicit Requests(Way way) : way_(way) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    if (::io_uring_queue_init_params(64, &ring_, &params) != 0) return;
    open_ = true;
    ::io_uring_register_ring_fd(&ring_);
    works_ = RegisterBuffers();
  }
  ~Requests() {
    if (open_) ::io_uring_queue_exit(&ring_);
    if (entries_ != nullptr) ::munmap(entries_, kSlices * sizeof(io_uring_buf));
  }
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  bool works() const { return works_; }

  // Sends everything; the socket has room for it. False: this kernel does not know the way.
  bool Send(int socket) {
    if (way_ == kBundle) return SendBundle(socket);
    const unsigned count = way_ == kLinked ? kSlices : 1;
    msghdr message{};
    message.msg_iov = slices_.data();
    message.msg_iovlen = kSlices;
    for (unsigned i = 0; i < count; ++i) {
      io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
      if (way_ == kSlicesOfOne) {
        ::io_uring_prep_sendmsg(entry, socket, &message, MSG_NOSIGNAL | MSG_WAITALL);
      } else {
        ::io_uring_prep_send(entry, socket, slices_[i].iov_base, way_ == kLinked ? kSlice : kTotal,
                             MSG_NOSIGNAL | MSG_WAITALL);
      }
      if (i + 1 < count) entry->flags |= IOSQE_IO_LINK;
    }
    ::io_uring_submit_and_wait(&ring_, count);
    size_t sent = 0;
    for (unsigned i = 0; i < count; ++i) sent += Taken().res;
    return sent == kTotal;
  }

  // Receives everything that waits. False: this kernel does not know the way.
  bool Receive(int socket) {
    for (size_t received = 0; received < kTotal;) {
      io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
      msghdr message{};
      if (way_ == kSlicesOfOne) {
        message.msg_iov = slices_.data();
        message.msg_iovlen = kSlices;
        ::io_uring_prep_recvmsg(entry, socket, &message, 0);
      } else {
        ::io_uring_prep_recv(entry, socket, nullptr, 0, 0);
        entry->flags |= IOSQE_BUFFER_SELECT;
        entry->buf_group = kGroup;
        if (way_ == kBundle) entry->ioprio |= kRecvSendBundle;
      }
      ::io_uring_submit_and_wait(&ring_, 1);
      const io_uring_cqe done = Taken();
      if (done.res <= 0) return false;
      received += static_cast<size_t>(done.res);
      if (way_ != kSlicesOfOne) GiveBack(done);
    }
    return true;
  }

 private:
  bool RegisterBuffers() {
    void* memory = ::mmap(nullptr, kSlices * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    entries_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(memory);
    registration.ring_entries = kSlices;
    registration.bgid = kGroup;
    // Once padding, `flags` since 6.12.
    if (way_ == kIncremental) registration.pad = kIncrementalRing;
    if (::io_uring_register_buf_ring(&ring_, &registration, 0) != 0) return false;
    ::io_uring_buf_ring_init(entries_);
    for (unsigned i = 0; i < kSlices; ++i) {
      slices_[i] = {.iov_base = bytes_.data() + i * kSlice, .iov_len = kSlice};
    }
    // One large buffer that is taken a part at a time, or one for each slice.
    if (way_ == kIncremental) {
      Lend(0, kTotal, 0);
    } else {
      for (unsigned i = 0; i < kSlices; ++i) Lend(i, kSlice, static_cast<int>(i));
    }
    ::io_uring_buf_ring_advance(entries_, way_ == kIncremental ? 1 : kSlices);
    return true;
  }

  bool SendBundle(int socket) {
    for (size_t sent = 0; sent < kTotal;) {
      io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
      ::io_uring_prep_send(entry, socket, nullptr, 0, MSG_NOSIGNAL | MSG_WAITALL);
      entry->flags |= IOSQE_BUFFER_SELECT;
      entry->buf_group = kGroup;
      entry->ioprio |= kRecvSendBundle;
      ::io_uring_submit_and_wait(&ring_, 1);
      const io_uring_cqe done = Taken();
      if (done.res <= 0) return false;
      sent += static_cast<size_t>(done.res);
      GiveBack(done);
    }
    return true;
  }

  io_uring_cqe Taken() {
    io_uring_cqe* cqe = nullptr;
    CHECK(::io_uring_wait_cqe(&ring_, &cqe) == 0);
    const io_uring_cqe done = *cqe;
    ::io_uring_cqe_seen(&ring_, cqe);
    return done;
  }

  // GiveBack lends again what a request has used: it is not read here.
  void GiveBack(const io_uring_cqe& done) {
    const unsigned first = done.flags >> IORING_CQE_BUFFER_SHIFT;
    if (way_ == kIncremental) {
      if ((done.flags & kBufferStays) != 0) return;
      Lend(0, kTotal, 0);
      ::io_uring_buf_ring_advance(entries_, 1);
      return;
    }
    const auto count = static_cast<unsigned>((static_cast<size_t>(done.res) + kSlice - 1) / kSlice);
    for (unsigned i = 0; i < count; ++i) Lend((first + i) % kSlices, kSlice, static_cast<int>(i));
    ::io_uring_buf_ring_advance(entries_, static_cast<int>(count));
  }

  void Lend(unsigned id, size_t size, int offset) {
    ::io_uring_buf_ring_add(entries_, bytes_.data() + id * kSlice, static_cast<unsigned>(size),
                            static_cast<uint16_t>(id), ::io_uring_buf_ring_mask(kSlices), offset);
  }

  const Way way_;
  std::vector<char> bytes_ = std::vector<char>(kTotal);
  std::array<iovec, kSlices> slices_{};
  io_uring ring_{};
  io_uring_buf_ring* entries_ = nullptr;
  bool open_ = false;
  bool works_ = false;
};

// The whole of it fits into the sockets' buffers, so that neither direction waits for the other.
void MakeRoom(const TcpPair& pair) {
  const int size = 4 << 20;
  CHECK(::setsockopt(pair.near, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) == 0 ||
        ::setsockopt(pair.near, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
}

void Report(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kTotal));
}

void Send(benchmark::State& state) {
  const TcpPair pair;
  MakeRoom(pair);
  Requests requests(static_cast<Way>(state.range(0)));
  if (!requests.works()) return state.SkipWithError("this kernel cannot do that");
  std::vector<char> sink(kTotal);
  for (auto _ : state) {
    if (!requests.Send(pair.near)) return state.SkipWithError("this kernel cannot send like that");
    for (size_t got = 0; got < kTotal;) got += ReceiveSome(pair.far, sink.data(), kTotal - got);
  }
  Report(state);
}
BENCHMARK(Send)->ArgName("way")->Arg(kOne)->Arg(kSlicesOfOne)->Arg(kLinked)->Arg(kBundle);

void Receive(benchmark::State& state) {
  const TcpPair pair;
  MakeRoom(pair);
  Requests requests(static_cast<Way>(state.range(0)));
  if (!requests.works()) return state.SkipWithError("this kernel cannot do that");
  const std::vector<char> source(kTotal);
  for (auto _ : state) {
    for (size_t sent = 0; sent < kTotal;) {
      sent += SendSome(pair.near, source.data() + sent, kTotal - sent);
    }
    if (!requests.Receive(pair.far)) return state.SkipWithError("this kernel cannot receive so");
  }
  Report(state);
}
BENCHMARK(Receive)->ArgName("way")->Arg(kOne)->Arg(kSlicesOfOne)->Arg(kBundle)->Arg(kIncremental);

}  // namespace
}  // namespace bench
