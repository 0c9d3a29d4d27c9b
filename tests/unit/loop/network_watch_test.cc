// Goal: whoever listens hears of a change, may leave while it is told, and what the kernel says of
// a connection is passed on. Method: the real kernel's loopback; changes are told by hand, since a
// test may not make any.

#include "engine/platform/network_watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

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
