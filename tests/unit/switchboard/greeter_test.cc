// Goal: whoever says hello is handed over with all of his bytes and the loop he asked for, and who
// does not say it is cut, early enough that he keeps nobody out.
// Method: guests made by hand on a simulated network; virtual time.

#include "relay/switchboard/greeter.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "engine/sim/sim_loop.h"
#include "engine/tls/tls_channel.h"
#include "tests/support/tls_credentials.h"

namespace relay {
namespace {

using engine::Handler;
using engine::IoError;
using std::chrono::milliseconds;
using std::chrono::seconds;

// ClientHelloBytes returns the first flight of a real client.
std::string ClientHelloBytes(std::vector<std::string> protocols) {
  const engine::test::TestAuthority authority;
  const auto context = engine::test::Must(
      engine::TlsContext::Client({.trust = engine::TlsTrust::Authority(authority.Pem()),
                                  .identity = {},
                                  .protocols = std::move(protocols),
                                  .clock = engine::test::TestClock()}));
  engine::BufferPool pool(8, 32 * 1024);
  engine::TlsChannel channel(*context, pool, "relay.test");
  engine::BufferRef plaintext;
  EXPECT_EQ(channel.Read(plaintext), engine::TlsChannel::Outcome::kNeedMore);
  engine::ByteView slice;
  EXPECT_EQ(channel.Output({&slice, 1}), 1u);
  return std::string(engine::AsText(slice));
}

// Guest is the other end of one connection.
class Guest {
 public:
  Guest(engine::Loop& loop, const engine::Address& relay) : loop_(loop) {
    socket_ = loop.OpenStream(relay.family()).socket;
    loop.Connect(connect_op_, socket_, relay);
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  void Say(std::string bytes) {
    bytes_ = std::move(bytes);
    const engine::ByteView slice = engine::AsBytes(bytes_);
    loop_.Send(send_op_, socket_, {&slice, 1}, engine::SendMode::kCopy);
  }
  void Leave() {
    loop_.Cancel(connect_op_);
    loop_.Cancel(receive_op_);
    loop_.Cancel(send_op_);
    while (connect_op_.in_flight() || receive_op_.in_flight() || send_op_.in_flight()) {
      loop_.RunOnce(milliseconds(1));
    }
    loop_.Close(close_op_, socket_);
    while (close_op_.in_flight()) loop_.RunOnce(milliseconds(1));
  }
  bool connected() const { return connected_; }
  bool is_cut() const { return is_cut_; }

 private:
  void OnConnected(engine::Connected outcome) {
    connected_ = outcome.error == IoError::kNone;
    if (connected_) loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce);
  }
  void OnReceived(engine::Received outcome) { is_cut_ = outcome.error != IoError::kCanceled; }
  void OnSent(engine::Sent) {}
  void OnClosed(engine::Closed) {}

  engine::Loop& loop_;
  engine::Socket socket_;
  std::string bytes_;
  bool connected_ = false;
  bool is_cut_ = false;
  engine::ConnectOp connect_op_{Handler<engine::Connected>::To<&Guest::OnConnected>(this)};
  engine::ReceiveOp receive_op_{Handler<engine::Received>::To<&Guest::OnReceived>(this)};
  engine::SendOp send_op_{Handler<engine::Sent>::To<&Guest::OnSent>(this)};
  engine::CloseOp close_op_{Handler<engine::Closed>::To<&Guest::OnClosed>(this)};
};

class GreeterTest : public testing::Test {
 protected:
  static constexpr size_t kGreetingsMax = 64;

  GreeterTest()
      : address_(Loopback()),
        greeter_(loop_, loop_.Listen(address_, 128).socket,
                 {.greeted =
                      [this](Greeting greeting) {
                        hellos_.emplace_back(engine::AsText(greeting.first_bytes.bytes()));
                        places_.push_back(greeting.loop_index);
                        sockets_.push_back(greeting.socket);
                      },
                  .is_crowded = [this] { return is_crowded_; },
                  .greetings_max = kGreetingsMax}) {}

  ~GreeterTest() override {
    greeter_.Stop();
    Run([&] { return greeter_.stopped(); });
    EXPECT_TRUE(greeter_.stopped());
    for (Guest& guest : guests_) guest.Leave();
    engine::CloseOp close_op(Handler<engine::Closed>::To<&GreeterTest::OnClosed>(this));
    for (engine::Socket socket : sockets_) {
      loop_.Close(close_op, socket);
      while (close_op.in_flight()) loop_.RunOnce(milliseconds(1));
    }
    EXPECT_EQ(loop_.network().open_count(), 0u);
  }

  Guest& Arrive() {
    Guest& guest = guests_.emplace_back(loop_, address_);
    Run([&] { return guest.connected(); });
    return guest;
  }

  // Run goes on until `done`, or for a minute of virtual time.
  template <class Done>
  void Run(Done done) {
    const engine::Instant end = loop_.Now() + seconds(60);
    while (!done() && loop_.Now() < end) loop_.RunOnce(milliseconds(5));
  }

  static engine::Address Loopback() {
    engine::Address address;
    EXPECT_TRUE(engine::Address::Parse("127.0.0.1", 443, address));
    return address;
  }
  void OnClosed(engine::Closed) {}

  engine::sim::SimLoop loop_{
      1,
      {.delay = 0, .short_receive = 0, .short_send = 0, .cancel_loses = 0, .reset_loses_bytes = 0},
      64,
      32 * 1024};
  const engine::Address address_;
  std::deque<Guest> guests_;
  std::vector<std::string> hellos_;
  std::vector<std::optional<uint32_t>> places_;
  std::vector<engine::Socket> sockets_;
  bool is_crowded_ = false;
  Greeter greeter_;
};

TEST_F(GreeterTest, AHelloIsHandedOverWithItsBytesAndItsWish) {
  const std::string hello = ClientHelloBytes({"adit/1", "adit-loop/7"});
  Arrive().Say(hello);
  Run([&] { return !hellos_.empty(); });
  ASSERT_EQ(hellos_.size(), 1u);
  EXPECT_EQ(hellos_[0], hello);
  EXPECT_EQ(places_[0], 7u);
}

TEST_F(GreeterTest, AHelloInPiecesIsHandedOverWhole) {
  const std::string hello = ClientHelloBytes({"http/1.1"});
  Guest& guest = Arrive();
  for (size_t at = 0; at < hello.size(); at += 10) {
    guest.Say(hello.substr(at, 10));
    const engine::Instant later = loop_.Now() + milliseconds(20);
    Run([&] { return loop_.Now() >= later; });
  }
  Run([&] { return !hellos_.empty(); });
  ASSERT_EQ(hellos_.size(), 1u);
  EXPECT_EQ(hellos_[0], hello);
  EXPECT_EQ(places_[0], std::nullopt);
}

TEST_F(GreeterTest, WhatIsNoTlsIsHandedOverToo) {
  Arrive().Say("GET / HTTP/1.1\r\n\r\n");
  Run([&] { return !hellos_.empty(); });
  ASSERT_EQ(hellos_.size(), 1u);
  EXPECT_EQ(hellos_[0], "GET / HTTP/1.1\r\n\r\n");
}

TEST_F(GreeterTest, WhoSpeaksWhileThereIsNoBlockIsHeardLater) {
  std::vector<engine::BufferRef> taken;
  while (loop_.buffers().free_count() > 0) taken.push_back(loop_.buffers().Take());
  const std::string hello = ClientHelloBytes({"adit/1"});
  Guest& guest = Arrive();
  guest.Say(hello);
  const engine::Instant later = loop_.Now() + milliseconds(200);
  Run([&] { return loop_.Now() >= later; });
  EXPECT_FALSE(guest.is_cut());
  EXPECT_TRUE(hellos_.empty());
  taken.clear();
  Run([&] { return !hellos_.empty(); });
  ASSERT_EQ(hellos_.size(), 1u);
  EXPECT_EQ(hellos_[0], hello);
}

TEST_F(GreeterTest, WhoSaysNothingIsCutAfterAWhile) {
  Guest& guest = Arrive();
  const engine::Instant start = loop_.Now();
  Run([&] { return guest.is_cut(); });
  EXPECT_TRUE(guest.is_cut());
  EXPECT_LE(loop_.Now() - start, Greeter::kHelloMax + milliseconds(50));
  EXPECT_TRUE(hellos_.empty());
}

TEST_F(GreeterTest, AtTheMaximumTheOldestIsCutForTheNext) {
  const engine::Instant start = loop_.Now();
  for (size_t i = 0; i < kGreetingsMax + 10; ++i) Arrive();
  Run([&] { return guests_[9].is_cut() && guests_.front().is_cut(); });
  EXPECT_LT(loop_.Now() - start, Greeter::kHelloMax);
  EXPECT_TRUE(guests_.front().is_cut());
  EXPECT_FALSE(guests_.back().is_cut());
  const std::string hello = ClientHelloBytes({"adit/1"});
  Arrive().Say(hello);
  Run([&] { return !hellos_.empty(); });
  ASSERT_EQ(hellos_.size(), 1u);
  EXPECT_EQ(hellos_[0], hello);
  EXPECT_LT(loop_.Now() - start, Greeter::kHelloMax);
}

TEST_F(GreeterTest, WhileItIsCrowdedTheyWaitInTheOrderOfTheirArrival) {
  is_crowded_ = true;
  const std::string hello = ClientHelloBytes({"adit/1"});
  constexpr size_t kCount = 32;
  for (size_t i = 0; i < kCount; ++i) Arrive().Say(hello);
  EXPECT_LT(hellos_.size(), kCount);
  is_crowded_ = false;
  const engine::Instant start = loop_.Now();
  Run([&] { return hellos_.size() == kCount; });
  EXPECT_EQ(hellos_.size(), kCount);
  EXPECT_LT(loop_.Now() - start, Greeter::kCrowdedMax);
}

TEST_F(GreeterTest, WhileItIsCrowdedThoseWhoseSessionsRunGoFirst) {
  is_crowded_ = true;
  const std::string other = ClientHelloBytes({"adit/1"});
  const std::string live = ClientHelloBytes({"adit/1", "adit-live"});
  const std::string lane = ClientHelloBytes({"adit-join/1", "adit-loop/0"});
  Arrive().Say(other);
  Run([&] { return hellos_.size() == 1; });  // The first one is let in anyway.
  for (int i = 0; i < 6; ++i) Arrive().Say(other);
  for (int i = 0; i < 2; ++i) Arrive().Say(live);
  Arrive().Say(lane);
  const engine::Instant later = loop_.Now() + milliseconds(10);
  Run([&] { return loop_.Now() >= later; });
  ASSERT_EQ(hellos_.size(), 1u);
  is_crowded_ = false;
  Run([&] { return hellos_.size() == 10; });
  ASSERT_EQ(hellos_.size(), 10u);
  EXPECT_EQ(hellos_[1], live);
  EXPECT_EQ(hellos_[2], live);
  EXPECT_EQ(hellos_[3], lane);
  EXPECT_EQ(places_[3], 0u);
  for (size_t i = 4; i < 10; ++i) EXPECT_EQ(hellos_[i], other);
}

TEST_F(GreeterTest, AHelloThatIsTooLongToWaitIsCut) {
  is_crowded_ = true;
  Arrive().Say(ClientHelloBytes({"adit/1"}));
  Run([&] { return hellos_.size() == 1; });
  Guest& guest = Arrive();
  guest.Say(ClientHelloBytes(std::vector<std::string>(20, std::string(250, 'x'))));
  const engine::Instant start = loop_.Now();
  Run([&] { return guest.is_cut(); });
  EXPECT_LT(loop_.Now() - start, milliseconds(90)) << "before anybody is let in anyway";
  EXPECT_EQ(hellos_.size(), 1u);
}

TEST_F(GreeterTest, WhoMakesItCrowdedKeepsNobodyOut) {
  is_crowded_ = true;  // And so it stays.
  const std::string hello = ClientHelloBytes({"adit/1"});
  const engine::Instant start = loop_.Now();
  for (size_t i = 0; i < 3 * Greeter::kLetInAnyway; ++i) Arrive().Say(hello);
  Run([&] { return hellos_.size() == 3 * Greeter::kLetInAnyway; });
  EXPECT_EQ(hellos_.size(), 3 * Greeter::kLetInAnyway);
  EXPECT_LE(loop_.Now() - start, 5 * Greeter::kCrowdedMax);
}

TEST_F(GreeterTest, WhoWaitsIsCutWhenItStops) {
  is_crowded_ = true;
  for (size_t i = 0; i < 2 * Greeter::kLetInAnyway; ++i) Arrive();
  greeter_.Stop();
  Run([&] { return greeter_.stopped() && guests_.back().is_cut(); });
  EXPECT_TRUE(guests_.back().is_cut());
}

}  // namespace
}  // namespace relay
