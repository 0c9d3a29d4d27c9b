// Goal: a connection through the node behaves as a direct one: half-close, reset, refusal; and what
// its client said before it was there is the first thing the target hears, or nobody hears it.
// Method: real sockets on loopback, driven by hand; the relay's end is in the same process.

#include "agent/target/tcp_target.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "agent/process/owned_descriptor.h"
#include "tests/unit/agent/target_fixture.h"

namespace agent {
namespace {

using ::testing::HasSubstr;

class TcpTargetTest : public TargetFixture {
 protected:
  // Listens on a free port of 127.0.0.1, without blocking.
  uint16_t Listen() {
    listener_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_.value(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.value(), 16), 0);
    ::getsockname(listener_.value(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    return port_;
  }

  // Accepts the node's connection, once it is there.
  Descriptor Accept() {
    Descriptor accepted;
    RunUntil([&] {
      accepted =
          Descriptor(::accept4(listener_.value(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      return accepted.valid();
    });
    return accepted;
  }

  // Reads until the end or an error, which it returns (0 for the end).
  int ReadAll(const Descriptor& socket, std::string& out) {
    int error = 0;
    RunUntil([&] {
      char block[65536];
      const ssize_t size = ::recv(socket.value(), block, sizeof block, 0);
      if (size > 0) out.append(block, static_cast<size_t>(size));
      error = size < 0 ? errno : 0;
      return size == 0 || (size < 0 && errno != EAGAIN);
    });
    return error;
  }

  // OpenEarly opens a stream, and gives the node `bytes` before it has begun to connect.
  PeerStream& OpenEarly(const std::string& host, uint16_t port, std::string bytes,
                        bool finish = false) {
    PeerStream& stream = Tcp(host, port);
    stream.Send(std::move(bytes), finish);
    Deliver();
    EXPECT_FALSE(stream.accepted);
    return stream;
  }

  // FillBacklog makes the kernel drop whoever else wants to connect, until all are accepted.
  std::vector<Descriptor> FillBacklog() {
    EXPECT_EQ(::listen(listener_.value(), 0), 0);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(listener_.value(), reinterpret_cast<sockaddr*>(&address), &size);
    std::vector<Descriptor> all;
    pollfd connected{};
    do {
      all.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(all.back().value(), reinterpret_cast<sockaddr*>(&address), size);
      connected = {.fd = all.back().value(), .events = POLLOUT, .revents = 0};
    } while (::poll(&connected, 1, 0) == 1 && all.size() < 100);
    all.pop_back();  // It was dropped.
    return all;
  }

  static std::string Noise(size_t size) {
    std::string bytes(size, ' ');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
    return bytes;
  }

  static void ResetOnClose(const Descriptor& socket) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.value(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  Descriptor listener_;
  uint16_t port_ = 0;
};

TEST_P(TcpTargetTest, BytesPassBothWaysAndEachDirectionEndsByItself) {
  PeerStream& stream = Tcp("127.0.0.1", Listen());
  Descriptor target = Accept();
  RunUntil([&] { return stream.accepted; });
  stream.Send("question", true);
  std::string received;
  EXPECT_EQ(ReadAll(target, received), 0);
  EXPECT_EQ(received, "question");
  // The other direction still works.
  ASSERT_EQ(::send(target.value(), "answer", 6, 0), 6);
  target.Reset();
  RunUntil([&] { return stream.closed.has_value(); });
  EXPECT_EQ(stream.output, "answer");
  EXPECT_TRUE(stream.finished);
  EXPECT_EQ(stream.closed, engine::CloseCode::kNormal);
  RunUntil([&] { return targets_->count() == 0; });
}

TEST_P(TcpTargetTest, TargetThatEndsFirstStillReceives) {
  PeerStream& stream = Tcp("127.0.0.1", Listen());
  Descriptor target = Accept();
  ::shutdown(target.value(), SHUT_WR);
  RunUntil([&] { return stream.finished; });
  stream.Send(std::string(3'000'000, 'x'), true);
  std::string received;
  EXPECT_EQ(ReadAll(target, received), 0);
  EXPECT_EQ(received.size(), 3'000'000u);
  RunUntil([&] { return targets_->count() == 0; });
}

TEST_P(TcpTargetTest, NameIsResolvedOnTheNode) {
  PeerStream& stream = Tcp("localhost", Listen());
  const Descriptor target = Accept();
  RunUntil([&] { return stream.accepted; });
}

TEST_P(TcpTargetTest, RefusedTargetIsRejectedAndNamed) {
  const uint16_t port = Listen();
  listener_.Reset();
  PeerStream& stream = Tcp("127.0.0.1", port);
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.rejected, engine::CloseCode::kConnectionRefused);
  EXPECT_THAT(stream.reason,
              HasSubstr("127.0.0.1:" + std::to_string(port) + ": connection refused"));
}

// The second address may be refused, too, or be of a family that this machine does not have.
TEST_P(TcpTargetTest, RefusedLocalhostIsNamedAsRefused) {
  const uint16_t port = Listen();
  listener_.Reset();
  PeerStream& stream = Tcp("localhost", port);
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.rejected, engine::CloseCode::kConnectionRefused);
}

TEST_P(TcpTargetTest, UnknownNameIsRejectedAndNamed) {
  PeerStream& stream = Tcp("no-such-host.invalid", 80);
  RunUntil([&] { return stream.over() && targets_->count() == 0; });
  EXPECT_EQ(stream.rejected, engine::CloseCode::kNameNotFound);
  EXPECT_THAT(stream.reason, HasSubstr("no-such-host.invalid"));
}

TEST_P(TcpTargetTest, ResetOfTheTargetResetsTheStream) {
  PeerStream& stream = Tcp("127.0.0.1", Listen());
  Descriptor target = Accept();
  RunUntil([&] { return stream.accepted; });
  ResetOnClose(target);
  target.Reset();
  RunUntil([&] { return stream.closed.has_value(); });
  EXPECT_EQ(stream.closed, engine::CloseCode::kConnectionReset);
  RunUntil([&] { return targets_->count() == 0; });
}

TEST_P(TcpTargetTest, ResetOfTheStreamResetsTheTarget) {
  PeerStream& stream = Tcp("127.0.0.1", Listen());
  const Descriptor target = Accept();
  RunUntil([&] { return stream.accepted; });
  relay_->Reset(stream.id, engine::CloseCode::kConnectionReset);
  std::string received;
  EXPECT_EQ(ReadAll(target, received), ECONNRESET);
  RunUntil([&] { return targets_->count() == 0; });
}

TEST_P(TcpTargetTest, LostLinkResetsTheTarget) {
  PeerStream& stream = Tcp("127.0.0.1", Listen());
  const Descriptor target = Accept();
  RunUntil([&] { return stream.accepted; });
  Cut();
  std::string received;
  EXPECT_EQ(ReadAll(target, received), ECONNRESET);
}

TEST_P(TcpTargetTest, TargetThatDoesNotReadHoldsBackItsStreamOnly) {
  PeerStream& stream = Tcp("127.0.0.1", Listen());
  const Descriptor stopped = Accept();
  RunUntil([&] { return stream.accepted; });
  stream.Send(std::string(64 * 1024 * 1024, 'x'), true);
  PeerStream& other = Tcp("127.0.0.1", port_);
  const Descriptor target = Accept();
  RunUntil([&] { return other.accepted; });
  other.Send(std::string(3'000'000, 'y'), true);
  std::string received;
  EXPECT_EQ(ReadAll(target, received), 0);
  EXPECT_EQ(received.size(), 3'000'000u);
}

TEST_P(TcpTargetTest, TwoHundredConnectionsLeaveNoDescriptor) {
  const uint16_t port = Listen();
  for (int warm = 0; warm < 2; ++warm) {
    const int before = OpenDescriptors();
    const uint16_t blocks_before = pool().free_count();
    for (int i = 0; i < 100; ++i) {
      PeerStream& stream = Tcp("127.0.0.1", port);
      Descriptor target = Accept();
      RunUntil([&] { return stream.accepted; });
      if (i % 3 == 0) {
        relay_->Reset(stream.id, engine::CloseCode::kNormal);
      } else if (i % 3 == 1) {
        stream.Send("x", true);
        target.Reset();
      } else {
        ResetOnClose(target);
        target.Reset();
      }
      RunUntil([&] { return targets_->count() == 0; });
    }
    EXPECT_EQ(OpenDescriptors(), before);
    EXPECT_EQ(pool().free_count(), blocks_before);
  }
}

TEST_P(TcpTargetTest, WhatWasSaidEarlyIsFirstAndTheRestFollows) {
  TakeEarly();
  const std::string bytes = Noise(100'000);
  PeerStream& stream = OpenEarly("127.0.0.1", Listen(), bytes);
  EXPECT_EQ(relay_->sent_bytes(), engine::kEarlyDataMax) << "no more than that goes early";
  const Descriptor target = Accept();
  RunUntil([&] { return stream.accepted; });
  stream.Send("the end", true);
  std::string received;
  EXPECT_EQ(ReadAll(target, received), 0);
  EXPECT_TRUE(received == bytes + "the end") << received.size();
}

TEST_P(TcpTargetTest, WhatIsSaidWhileTheConnectTakesLongArrivesInOrder) {
  TakeEarly();
  const uint16_t port = Listen();
  const std::vector<Descriptor> others = FillBacklog();
  PeerStream& stream = OpenEarly("127.0.0.1", port, "one ");
  for (const char* more : {"two ", "three "}) {
    int rounds = 0;
    RunUntil([&] { return ++rounds > 5; });
    EXPECT_FALSE(stream.accepted);
    stream.Send(more);
    Deliver();
  }
  EXPECT_EQ(relay_->sent_bytes(), std::string_view("one two three ").size());
  for (size_t i = 0; i < others.size(); ++i) Accept();
  RunUntil([&] { return stream.accepted; });  // The kernel tries again a second later.
  stream.Send("four", true);
  std::string received;
  EXPECT_EQ(ReadAll(Accept(), received), 0);
  EXPECT_EQ(received, "one two three four");
}

TEST_P(TcpTargetTest, WhatWasSaidEarlyMayEndAtOnce) {
  TakeEarly();
  PeerStream& stream = OpenEarly("127.0.0.1", Listen(), "question", true);
  Descriptor target = Accept();
  std::string received;
  EXPECT_EQ(ReadAll(target, received), 0);
  EXPECT_EQ(received, "question");
  ASSERT_EQ(::send(target.value(), "answer", 6, 0), 6);
  target.Reset();
  RunUntil([&] { return stream.closed.has_value(); });
  EXPECT_EQ(stream.output, "answer");
  EXPECT_EQ(stream.closed, engine::CloseCode::kNormal);
  RunUntil([&] { return targets_->count() == 0; });
}

TEST_P(TcpTargetTest, WhatWasSaidEarlyGoesToTheAddressThatAnswers) {
  TakeEarly();
  // Where localhost is ::1 as well, nobody listens there.
  OpenEarly("localhost", Listen(), "hello", true);
  const Descriptor target = Accept();
  std::string received;
  EXPECT_EQ(ReadAll(target, received), 0);
  EXPECT_EQ(received, "hello");
}

TEST_P(TcpTargetTest, WhatWasSaidEarlyToNobodyIsDroppedAndLeavesNothing) {
  TakeEarly();
  const uint16_t port = Listen();
  listener_.Reset();
  const uint16_t blocks_before = pool().free_count();
  for (int i = 0; i < 100; ++i) {
    PeerStream& stream = OpenEarly("127.0.0.1", port, Noise(20'000), i % 2 == 0);
    RunUntil([&] { return stream.over() && targets_->count() == 0; });
    ASSERT_EQ(stream.rejected, engine::CloseCode::kConnectionRefused) << i << stream.reason;
    EXPECT_THAT(stream.reason,
                HasSubstr("127.0.0.1:" + std::to_string(port) + ": connection refused"));
  }
  EXPECT_EQ(pool().free_count(), blocks_before);
  EXPECT_EQ(relay_->stream_count() + node_->stream_count(), 0u);
  // The link has all its room.
  PeerStream& stream = OpenEarly("127.0.0.1", Listen(), Noise(3'000'000), true);
  std::string received;
  EXPECT_EQ(ReadAll(Accept(), received), 0);
  EXPECT_TRUE(received == Noise(3'000'000));
  EXPECT_FALSE(stream.over());
}

TEST_P(TcpTargetTest, AStreamThatIsResetBeforeItsAnswerTellsItsTargetNothing) {
  TakeEarly();
  const uint16_t port = Listen();
  const uint16_t blocks_before = pool().free_count();
  PeerStream& stream = OpenEarly("127.0.0.1", port, "never mind", true);
  EXPECT_LT(pool().free_count(), blocks_before);
  relay_->Reset(stream.id, engine::CloseCode::kConnectionReset);
  Deliver();
  EXPECT_EQ(pool().free_count(), blocks_before) << "at once, however long the connect takes";
  std::string received;
  EXPECT_EQ(ReadAll(Accept(), received), ECONNRESET);
  EXPECT_EQ(received, "");
  RunUntil([&] { return targets_->count() == 0; });
  EXPECT_FALSE(stream.accepted);
}

TEST_P(TcpTargetTest, ALinkThatIsLostTakesWhatWasSaidEarlyWithIt) {
  TakeEarly();
  const uint16_t port = Listen();
  const std::vector<Descriptor> others = FillBacklog();
  const uint16_t blocks_before = pool().free_count();
  OpenEarly("127.0.0.1", port, Noise(20'000), true);
  int rounds = 0;
  RunUntil([&] { return ++rounds > 5; });
  EXPECT_EQ(targets_->count(), 1u);
  Cut();
  RunUntil([&] { return targets_->count() == 0; });
  EXPECT_EQ(pool().free_count(), blocks_before);
}

INSTANTIATE_TEST_SUITE_P(Io, TcpTargetTest,
                         ::testing::Values(engine::LoopIo::kEpoll, engine::LoopIo::kUring),
                         [](const auto& info) {
                           return info.param == engine::LoopIo::kEpoll ? "Epoll" : "Uring";
                         });

}  // namespace
}  // namespace agent
