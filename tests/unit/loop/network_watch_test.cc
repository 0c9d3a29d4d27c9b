// Goal: whoever listens hears of a change, may leave while it is told, and what the kernel says of
// a connection is passed on. Method: the real kernel's loopback, changes told by hand; what the
// kernel says when addresses come and go, in a network of the test's own, where one may be made;
// bursts and the clock in virtual time.

#include "engine/platform/network_watch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/platform/create_loop.h"
#include "engine/sim/sim_loop.h"

namespace engine {
namespace {

struct Ear final : NetworkWatch::Listener {
  void OnNetworkChanged(bool is_gain) override {
    is_gain ? ++gains : ++losses;
    if (then) then();
  }
  int gains = 0;
  int losses = 0;
  std::function<void()> then;
};

struct Ops {
  void Close(Loop& loop, Socket first, Socket second) {
    loop.Close(one, first);
    loop.Close(other, second);
    while (one.in_flight() || other.in_flight()) loop.RunOnce(std::chrono::seconds(1));
  }
  void OnConnected(Connected outcome) { is_connected = outcome.error == IoError::kNone; }
  void OnClosed(Closed) {}
  bool is_connected = false;
  ConnectOp connect{Handler<Connected>::To<&Ops::OnConnected>(this)};
  CloseOp one{Handler<Closed>::To<&Ops::OnClosed>(this)};
  CloseOp other{Handler<Closed>::To<&Ops::OnClosed>(this)};
};

constexpr LoopIo kBackends[] = {LoopIo::kEpoll, LoopIo::kAuto};

TEST(NetworkWatch, EverybodyHearsOnceAlsoWhenSomeLeave) {
  const std::unique_ptr<Loop> loop = *CreateLoop({.block_count = 4, .is_logged = false});
  NetworkWatch watch(*loop);
  Ear first, second, third;
  for (Ear* ear : {&first, &second, &third}) watch.Add(*ear);
  watch.Tell(true);
  second.then = [&] {
    watch.Remove(first);
    watch.Remove(second);
  };
  watch.Tell(false);
  EXPECT_EQ(first.gains + second.gains + third.gains, 3);
  EXPECT_EQ(first.losses + second.losses + third.losses, 3);
  watch.Tell(false);
  EXPECT_EQ(first.losses + second.losses, 2);
  EXPECT_EQ(third.losses, 2);
  watch.Remove(third);
}

TEST(NetworkWatch, ItStartsAndStopsOnEachBackend) {
  for (const LoopIo io : kBackends) {
    const std::unique_ptr<Loop> loop =
        *CreateLoop({.io = io, .block_count = 4, .is_logged = false});
    {
      NetworkWatch watch(*loop);
      watch.Start();
      watch.Start();
      EXPECT_GT(loop->in_flight_count(), 0u);
      loop->RunOnce(Duration::zero());
      watch.Stop();
      EXPECT_EQ(loop->in_flight_count(), 0u);
    }
    NetworkWatch never(*loop);
  }
}

TEST(NetworkWatch, AConnectionThatLivesIsFirm) {
  for (const LoopIo io : kBackends) {
    const std::unique_ptr<Loop> loop =
        *CreateLoop({.io = io, .block_count = 4, .is_logged = false});
    NetworkWatch watch(*loop);
    watch.Start();
    Address any;
    ASSERT_TRUE(Address::Parse("127.0.0.1", 0, any));
    const Opened listener = loop->Listen(any, 1);
    ASSERT_EQ(listener.error, IoError::kNone);
    const Opened socket = loop->OpenStream(AF_INET);
    EXPECT_EQ(watch.FootingOf(Socket{}), Footing::kFirm);
    EXPECT_EQ(watch.FootingOf(socket.socket), Footing::kFirm) << "it has no address yet";
    const Address there = loop->LocalAddress(listener.socket);
    Ops ops;
    loop->Connect(ops.connect, socket.socket, there);
    while (ops.connect.in_flight()) loop->RunOnce(std::chrono::seconds(1));
    EXPECT_TRUE(ops.is_connected);
    EXPECT_EQ(watch.FootingOf(socket.socket), Footing::kFirm);
    ops.Close(*loop, socket.socket, listener.socket);
  }
}

TEST(NetworkWatch, AConnectionThatNobodyAcknowledgesIsStuck) {
  const std::unique_ptr<Loop> loop = *CreateLoop({.block_count = 4, .is_logged = false});
  NetworkWatch watch(*loop);
  watch.Start();
  Address any;
  ASSERT_TRUE(Address::Parse("127.0.0.1", 0, any));
  const Opened listener = loop->Listen(any, 1);
  ASSERT_EQ(listener.error, IoError::kNone);
  const Address there = loop->LocalAddress(listener.socket);
  // A listener that is full drops who comes, without a word, and the kernel asks it again.
  std::vector<int> others;
  pollfd connected{};
  do {
    others.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(others.back(), there.raw(), there.raw_size());
    connected = {.fd = others.back(), .events = POLLOUT, .revents = 0};
  } while (::poll(&connected, 1, 0) == 1 && others.size() < 100);
  const Opened socket = loop->OpenStream(AF_INET);
  Ops ops;
  loop->Connect(ops.connect, socket.socket, there);
  const Instant deadline = loop->Now() + std::chrono::seconds(30);
  while (watch.FootingOf(socket.socket) == Footing::kFirm && loop->Now() < deadline) {
    loop->RunOnce(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(watch.FootingOf(socket.socket), Footing::kStuck);
  EXPECT_TRUE(ops.connect.in_flight());
  loop->Cancel(ops.connect);
  while (ops.connect.in_flight()) loop->RunOnce(std::chrono::seconds(1));
  for (const int other : others) ::close(other);
  ops.Close(*loop, socket.socket, listener.socket);
}

// InOwnNetwork runs `test` in a network namespace, on a thread that ends with it; false: this
// machine does not let us.
bool InOwnNetwork(const std::function<void()>& test) {
  bool is_there = false;
  std::thread([&] {
    is_there = ::unshare(CLONE_NEWNET) == 0;
    if (is_there) test();
  }).join();
  return is_there;
}

// SetLoopback gives lo's `label` an address, or takes it away again.
void SetLoopback(const char* label, const char* address, bool is_up) {
  const int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, label, sizeof request.ifr_name - 1);
  auto& text = reinterpret_cast<sockaddr_in&>(request.ifr_addr);
  text.sin_family = AF_INET;
  if (is_up) {
    ASSERT_EQ(::inet_pton(AF_INET, address, &text.sin_addr), 1);
    ASSERT_EQ(::ioctl(control, SIOCSIFADDR, &request), 0);
  }
  request.ifr_addr = {};
  request.ifr_flags = is_up ? IFF_UP : 0;
  ASSERT_EQ(::ioctl(control, SIOCSIFFLAGS, &request), 0);
  ::close(control);
}

void AddressesComeAndGo(LoopIo io) {
  SetLoopback("lo", "127.0.0.1", true);
  const std::unique_ptr<Loop> loop = *CreateLoop({.io = io, .block_count = 4, .is_logged = false});
  NetworkWatch watch(*loop);
  Ear ear;
  watch.Add(ear);
  watch.Start();
  SetLoopback("lo:1", "10.78.9.1", true);
  while (ear.gains == 0) loop->RunOnce(std::chrono::seconds(1));
  Address here;
  ASSERT_TRUE(Address::Parse("10.78.9.1", 0, here));
  const Opened listener = loop->Listen(here, 1);
  ASSERT_EQ(listener.error, IoError::kNone);
  const Opened socket = loop->OpenStream(AF_INET);
  Ops ops;
  loop->Connect(ops.connect, socket.socket, loop->LocalAddress(listener.socket));
  while (ops.connect.in_flight()) loop->RunOnce(std::chrono::seconds(1));
  EXPECT_TRUE(ops.is_connected);
  EXPECT_EQ(watch.FootingOf(socket.socket), Footing::kFirm);

  const int told = ear.gains + ear.losses;
  SetLoopback("lo:1", "", false);
  while (ear.gains + ear.losses == told) loop->RunOnce(std::chrono::seconds(1));
  while (watch.FootingOf(socket.socket) != Footing::kGone) {
    loop->RunOnce(std::chrono::milliseconds(20));  // The kernel tells before it is done.
  }
  ops.Close(*loop, socket.socket, listener.socket);
  watch.Remove(ear);
}

TEST(NetworkWatch, ItSeesAddressesComeAndGoAndWhatIsLeftWithoutOne) {
  for (const LoopIo io : kBackends) {
    const bool is_permitted = InOwnNetwork([io] { AddressesComeAndGo(io); });
    if (!is_permitted) std::puts("no network of our own without CAP_SYS_ADMIN: nothing was seen");
  }
}

// WatchedWorld is a watch whose kernel is a socket of the test's, in virtual time.
class WatchedWorld {
 public:
  WatchedWorld() {
    watch.Add(ear);
    watch.StartOn(pair_[0]);
  }
  ~WatchedWorld() {
    watch.Remove(ear);
    watch.Stop();
    loop.Close(close_, pair_[1]);
    while (close_.in_flight()) loop.RunOnce(std::chrono::seconds(1));
  }
  // Say is what the kernel says: an address has come, or gone.
  void Say(uint16_t type) {
    nlmsghdr header{};
    ifaddrmsg body{};
    header.nlmsg_len = sizeof header + sizeof body;
    header.nlmsg_type = type;
    std::string bytes(header.nlmsg_len, '\0');
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + sizeof header, &body, sizeof body);
    const ByteView slice = AsBytes(bytes);
    loop.Send(send_, pair_[1], {&slice, 1}, SendMode::kCopy);
    RunFor(std::chrono::milliseconds(1));
  }
  void RunFor(Duration time) {
    const Instant end = world_.now + time;
    do {
      const Instant next = std::min(end, std::max(world_.now, loop.NextAt()));
      world_.now = next;
      loop.RunOnce(Duration::zero());
    } while (world_.now < end);
  }
  // Away lets time pass in which nothing runs.
  void Away(Duration time) {
    world_.now += time;
    RunFor(std::chrono::milliseconds(1));
  }

 private:
  void OnSent(Sent) {}
  void OnClosed(Closed) {}
  sim::SimWorld world_{1, {.delay = 0, .short_receive = 0, .short_send = 0}};
  SendOp send_{Handler<Sent>::To<&WatchedWorld::OnSent>(this)};
  CloseOp close_{Handler<Closed>::To<&WatchedWorld::OnClosed>(this)};

 public:
  sim::SimLoop loop{world_, 0, 16, 16 * 1024};
  Ear ear;
  NetworkWatch watch{loop};

 private:
  const std::array<Socket, 2> pair_ = loop.ConnectedPair();
};

TEST(NetworkWatch, OfABurstTheFirstIsToldAtOnceAndTheOthersTogether) {
  WatchedWorld world;
  world.Say(RTM_DELADDR);
  EXPECT_EQ(world.ear.losses, 1);
  for (int i = 0; i < 5; ++i) world.Say(i == 3 ? RTM_NEWADDR : RTM_DELADDR);
  EXPECT_EQ(world.ear.losses + world.ear.gains, 1);
  world.RunFor(NetworkWatch::kQuiet);
  EXPECT_EQ(world.ear.gains, 1) << "one of them was";
  EXPECT_EQ(world.ear.losses, 1);
  world.RunFor(2 * NetworkWatch::kQuiet);
  world.Say(RTM_DELADDR);
  EXPECT_EQ(world.ear.losses, 2) << "that burst is over";
}

TEST(NetworkWatch, ABurstWithoutEndIsReadAtItsPace) {
  WatchedWorld world;
  for (int i = 0; i < 3 * NetworkWatch::kDatagramsMax; ++i) world.Say(RTM_NEWADDR);
  world.RunFor(std::chrono::seconds(2));
  EXPECT_GE(world.ear.gains, 2);
  EXPECT_LE(world.ear.gains, 6);
}

TEST(NetworkWatch, WhoWasAwayForLongHearsOfAGain) {
  WatchedWorld world;
  world.RunFor(std::chrono::seconds(60));
  EXPECT_EQ(world.ear.gains, 0) << "time that passes is no change";
  world.Away(NetworkWatch::kClockLook + NetworkWatch::kAwayMin);
  EXPECT_EQ(world.ear.gains, 1);
  world.Away(NetworkWatch::kAwayMin / 2);
  EXPECT_EQ(world.ear.gains, 1) << "that is only a busy machine";
}

TEST(NetworkWatch, OnASimulatedLoopItOnlyPassesOnWhatItIsTold) {
  sim::SimLoop loop(1, {}, 16, 16 * 1024);
  NetworkWatch watch(loop);
  Ear ear;
  watch.Add(ear);
  const auto pair = loop.ConnectedPair();
  EXPECT_EQ(watch.FootingOf(pair[0]), Footing::kFirm);
  watch.Tell(true);
  EXPECT_EQ(ear.gains, 1);
  watch.Remove(ear);
  Ops().Close(loop, pair[0], pair[1]);
}

}  // namespace
}  // namespace engine
