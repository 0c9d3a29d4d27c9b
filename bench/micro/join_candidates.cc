#include "bench/micro/join_candidates.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "engine/base/check.h"

namespace bench {
namespace {

// Of linux/io_uring.h 6.10; Debian's header is older.
constexpr unsigned kRecvSendBundle = 1U << 4;
constexpr unsigned kPollFirst = 1U << 0;

constexpr size_t kCopySize = 256 * 1024;
constexpr unsigned kPipeSize = 1 << 20;

class Copy final : public JoinCandidate {
 public:
  bool Run(int from, int to) override {
    std::vector<char> bytes(kCopySize);
    while (const size_t size = ReceiveSome(from, bytes.data(), bytes.size())) {
      for (size_t sent = 0; sent < size;) {
        const size_t some = SendSome(to, bytes.data() + sent, size - sent);
        if (some == 0) return false;
        sent += some;
      }
    }
    return true;
  }
};

class Ring {
 public:
  Ring() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    ok_ = ::io_uring_queue_init_params(64, &ring_, &params) == 0;
  }
  ~Ring() {
    if (ok_) ::io_uring_queue_exit(&ring_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  bool ok() const { return ok_; }
  io_uring* get() { return &ring_; }

  // Next submits what was prepared and returns one completion.
  io_uring_cqe Next() {
    io_uring_cqe* cqe = nullptr;
    while (::io_uring_peek_cqe(&ring_, &cqe) != 0) ::io_uring_submit_and_wait(&ring_, 1);
    const io_uring_cqe out = *cqe;
    ::io_uring_cqe_seen(&ring_, cqe);
    return out;
  }

 private:
  io_uring ring_{};
  bool ok_ = false;
};

// UringSplice keeps a splice into a pipe and one out of it in flight at the same time.
class UringSplice final : public JoinCandidate {
 public:
  bool Run(int from, int to) override {
    std::array<int, 2> pipe{};
    CHECK(::pipe2(pipe.data(), O_CLOEXEC) == 0);
    ::fcntl(pipe[0], F_SETPIPE_SZ, kPipeSize);
    size_t taken = 0;
    size_t given = 0;
    bool ended = false;
    bool ok = true;
    bool taking = false;
    bool giving = false;
    while (ok && (!ended || given < taken)) {
      if (!ended && !taking) taking = Start(from, pipe[1], kIn);
      if (!giving && given < taken) giving = Start(pipe[0], to, kOut);
      const io_uring_cqe cqe = ring_.Next();
      ok = cqe.res >= 0;
      const auto size = static_cast<size_t>(ok ? cqe.res : 0);
      if (cqe.user_data == kIn) {
        taking = false;
        taken += size;
        ended = size == 0;
      } else {
        giving = false;
        given += size;
      }
    }
    ::close(pipe[0]);
    ::close(pipe[1]);
    return ok;
  }
  bool ok() const { return ring_.ok(); }

 private:
  static constexpr uint64_t kIn = 1;
  static constexpr uint64_t kOut = 2;
  bool Start(int from, int to, uint64_t name) {
    io_uring_sqe* sqe = ::io_uring_get_sqe(ring_.get());
    ::io_uring_prep_splice(sqe, from, -1, to, -1, kPipeSize, SPLICE_F_MOVE);
    sqe->user_data = name;
    return true;
  }

  Ring ring_;
};

// UringRing receives into provided buffers, in bundles or one by one, and sends what came: one
// receive and one send at a time, as the order of a stream demands.
class UringRing final : public JoinCandidate {
 public:
  explicit UringRing(bool bundles)
      : bundles_(bundles), bytes_(kBuffers * kBufferSize), ok_(ring_.ok() && Register()) {}
  ~UringRing() override {
    if (buffers_ != nullptr) ::free(buffers_);
  }

  bool Run(int from, int to) override {
    while (true) {
      io_uring_sqe* sqe = ::io_uring_get_sqe(ring_.get());
      ::io_uring_prep_recv(sqe, from, nullptr, 0, 0);
      sqe->flags |= IOSQE_BUFFER_SELECT;
      sqe->buf_group = kGroup;
      sqe->ioprio = static_cast<uint16_t>(kPollFirst | (bundles_ ? kRecvSendBundle : 0));
      const io_uring_cqe cqe = ring_.Next();
      if (cqe.res <= 0) return cqe.res == 0;
      if (!Send(to, cqe.flags >> IORING_CQE_BUFFER_SHIFT, static_cast<size_t>(cqe.res))) {
        return false;
      }
    }
  }
  bool ok() const { return ok_; }

 private:
  static constexpr unsigned kBuffers = 32;
  static constexpr size_t kBufferSize = 32 * 1024;
  static constexpr int kGroup = 1;

  bool Register() {
    const size_t size = kBuffers * sizeof(io_uring_buf);
    if (::posix_memalign(reinterpret_cast<void**>(&buffers_), 4096, size) != 0) return false;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(buffers_);
    registration.ring_entries = kBuffers;
    registration.bgid = kGroup;
    if (::io_uring_register_buf_ring(ring_.get(), &registration, 0) != 0) return false;
    ::io_uring_buf_ring_init(buffers_);
    for (unsigned i = 0; i < kBuffers; ++i) Give(i, static_cast<int>(i));
    ::io_uring_buf_ring_advance(buffers_, kBuffers);
    return true;
  }
  void Give(unsigned buffer, int offset) {
    ::io_uring_buf_ring_add(buffers_, bytes_.data() + buffer * kBufferSize, kBufferSize,
                            static_cast<uint16_t>(buffer), ::io_uring_buf_ring_mask(kBuffers),
                            offset);
  }

  // Send writes what lies in consecutive buffers, the first one named, and gives them back in the
  // order in which they were taken, which keeps a bundle's buffers consecutive.
  bool Send(int to, unsigned first, size_t size) {
    std::array<iovec, kBuffers> pieces;
    size_t count = 0;
    for (size_t left = size; left > 0; ++count) {
      const size_t piece = left < kBufferSize ? left : kBufferSize;
      const auto buffer = static_cast<unsigned>((first + count) % kBuffers);
      pieces[count] = {.iov_base = bytes_.data() + buffer * kBufferSize, .iov_len = piece};
      left -= piece;
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    io_uring_sqe* sqe = ::io_uring_get_sqe(ring_.get());
    ::io_uring_prep_sendmsg(sqe, to, &message, MSG_WAITALL | MSG_NOSIGNAL);
    if (ring_.Next().res != static_cast<int>(size)) return false;
    for (size_t i = 0; i < count; ++i) {
      Give(static_cast<unsigned>((first + i) % kBuffers), static_cast<int>(i));
    }
    ::io_uring_buf_ring_advance(buffers_, static_cast<int>(count));
    return true;
  }

  const bool bundles_;
  std::vector<char> bytes_;
  Ring ring_;
  io_uring_buf_ring* buffers_ = nullptr;
  const bool ok_;
};

}  // namespace

TcpPair::TcpPair() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  CHECK(::bind(listener, raw, size) == 0);
  CHECK(::listen(listener, 1) == 0);
  CHECK(::getsockname(listener, raw, &size) == 0);
  near = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::connect(near, raw, size) == 0);
  far = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  CHECK(far >= 0);
  ::close(listener);
}

TcpPair::~TcpPair() {
  ::close(near);
  ::close(far);
}

size_t SendSome(int socket, const char* bytes, size_t size) {
  const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

size_t ReceiveSome(int socket, char* bytes, size_t size) {
  const ssize_t received = ::recv(socket, bytes, size, 0);
  return received < 0 ? 0 : static_cast<size_t>(received);
}

void Finish(int socket) { ::shutdown(socket, SHUT_WR); }

std::unique_ptr<JoinCandidate> MakeCopy(std::string&) { return std::make_unique<Copy>(); }

std::unique_ptr<JoinCandidate> MakeUringSplice(std::string& why) {
  auto made = std::make_unique<UringSplice>();
  if (made->ok()) return made;
  why = "no io_uring";
  return nullptr;
}

std::unique_ptr<JoinCandidate> MakeUringRing(std::string& why) {
  auto made = std::make_unique<UringRing>(false);
  if (made->ok()) return made;
  why = "no io_uring with provided buffers";
  return nullptr;
}

std::unique_ptr<JoinCandidate> MakeUringBundles(std::string& why) {
  auto made = std::make_unique<UringRing>(true);
  if (made->ok()) return made;
  why = "no io_uring with provided buffers";
  return nullptr;
}

}  // namespace bench
