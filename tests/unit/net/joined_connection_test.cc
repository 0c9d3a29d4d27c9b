// Goal: two ends meet through a relay that only joins them, and whatever goes wrong on the way ends
// both with a reason.
// Method: a relay of a hundred lines, two real joined connections, and the simulated network with
// delays, short reads and short sends by seed.

#include "engine/net/joined_connection.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"
#include "engine/sim/sim_loop.h"
#include "engine/tls/tls_channel.h"
#include "gtest/gtest.h"
#include "tests/support/tls_credentials.h"

namespace engine::test {
namespace {

using Stage = JoinEnd::Stage;

constexpr uint16_t kPort = 443;
constexpr uint16_t kBlockCount = 256;
constexpr char kRelayAddress[] = "10.0.0.1";
constexpr size_t kTalkSize = 200'000;

// SessionSide is the key of one end for one session.
struct SessionSide {
  crypto::PrivateKey key = crypto::PrivateKey::Generate();
  TlsIdentity identity{Must(crypto::CreateSessionCertificate(key, kTestYear)).Pem(), key.Pem()};
  crypto::Sha256Digest fingerprint = key.PublicFingerprint();
};

std::shared_ptr<TlsContext> InnerServer(const SessionSide& own,
                                        const crypto::Sha256Digest& client) {
  return Must(TlsContext::Server(
      {.identity = own.identity, .client_public_key = client, .protocols = {"adit/1"}}));
}
std::shared_ptr<TlsContext> InnerClient(const SessionSide& own,
                                        const crypto::Sha256Digest& server) {
  return Must(TlsContext::Client(
      {.trust = TlsTrust::PublicKey(server), .identity = own.identity, .protocols = {"adit/1"}}));
}

// Pipe moves raw bytes one way, and the end behind them.
class Pipe {
 public:
  Pipe(Loop& loop, Socket from, Socket to)
      : loop_(loop),
        from_(from),
        to_(to),
        receive_(Handler<Received>::To<&Pipe::OnReceived>(this)),
        send_(Handler<Sent>::To<&Pipe::OnSent>(this)) {
    loop_.Receive(receive_, from_, ReceiveMode::kOnce);
  }
  void Cancel() {
    over_ = true;
    loop_.Cancel(receive_);
    loop_.Cancel(send_);
  }
  bool idle() const { return !receive_.in_flight() && !send_.in_flight(); }
  uint64_t size() const { return size_; }

 private:
  void OnReceived(Received outcome) {
    if (over_) return;
    if (outcome.error != IoError::kNone) {
      over_ = true;
      loop_.Shutdown(to_, ShutdownSide::kSend);
      return;
    }
    held_ = std::move(outcome.data);
    size_ += held_.size();
    const ByteView bytes = held_.bytes();
    loop_.Send(send_, to_, {&bytes, 1}, SendMode::kCopy);
  }
  void OnSent(Sent outcome) {
    held_ = {};
    if (over_ || outcome.error != IoError::kNone) return;
    loop_.Receive(receive_, from_, ReceiveMode::kOnce);
  }

  Loop& loop_;
  Socket from_, to_;
  BufferRef held_;
  ReceiveOp receive_;
  SendOp send_;
  uint64_t size_ = 0;
  bool over_ = false;
};

// TestRelay joins the first two that come; or does to them what a test says.
class TestRelay {
 public:
  enum class Manners { kJoin, kRefuse, kSwallow, kKeepTls, kAnswerOddly };

  TestRelay(LoopDriver& driver, const TlsContext& tls, Manners manners)
      : driver_(driver),
        tls_(tls),
        manners_(manners),
        accept_(Handler<Accepted>::To<&TestRelay::OnAccepted>(this)) {
    Address address;
    CHECK(Address::Parse(kRelayAddress, kPort, address));
    listener_ = driver.loop().Listen(address, 8).socket;
    driver.loop().Accept(accept_, listener_);
  }

  size_t pending_count() const {
    size_t count = 0;
    for (const auto& leg : legs_) count += leg->gone ? 0 : 1;
    return count;
  }
  std::vector<std::string> tokens;

  // Stop cuts everything; done when it returns true.
  bool Stop() {
    driver_.loop().Cancel(accept_);
    for (const auto& leg : legs_) {
      if (!leg->gone && !leg->raw.valid()) leg->connection->Close();
    }
    for (const auto& pipe : pipes_) pipe->Cancel();
    bool idle = !accept_.in_flight();
    for (const auto& pipe : pipes_) idle = idle && pipe->idle();
    for (const auto& leg : legs_) idle = idle && leg->gone;
    if (!idle) return false;
    for (const auto& leg : legs_) {
      if (leg->raw.valid()) Close(std::exchange(leg->raw, {}));
    }
    if (listener_.valid()) Close(std::exchange(listener_, {}));
    return true;
  }
  void Cut() {
    for (const auto& pipe : pipes_) pipe->Cancel();
  }

 private:
  struct Leg final : private SecureConnection::Events, private JoinExchange::Events {
    Leg(TestRelay& relay_in, Socket socket) : relay(relay_in) {
      connection = std::make_unique<SecureConnection>(
          relay.driver_.loop(), static_cast<SecureConnection::Events&>(*this));
      connection->Adopt(socket,
                        std::make_unique<TlsChannel>(relay.tls_, relay.driver_.loop().buffers()),
                        BufferRef());
    }
    void OnSecured(SecureConnection&) override {
      exchange = std::make_unique<JoinExchange>(
          *connection, static_cast<JoinExchange::Events&>(*this), Instant::max());
      connection->SetProtocol(*exchange);
    }
    void OnMessage(const ControlMessage& message) override {
      const auto* join = std::get_if<Join>(&message);
      ASSERT_NE(join, nullptr);
      relay.OnJoin(*this, *join);
    }
    void OnGoaway(CloseCode, std::string_view) override {}
    void OnBroken(std::string_view text) override {
      exchange->Goaway(CloseCode::kProtocolError, text);
    }
    void OnDetached(SecureConnection&, DetachedSocket detached) override {
      EXPECT_TRUE(detached.unread.empty());
      raw = detached.socket;
      gone = true;
      relay.OnDetached();
    }
    void OnClosed(SecureConnection&, const ConnectionEnd&) override { gone = true; }

    TestRelay& relay;
    std::unique_ptr<SecureConnection> connection;
    std::unique_ptr<JoinExchange> exchange;
    Socket raw;
    bool joined = false;
    bool gone = false;
  };

  struct Closing {
    explicit Closing(Loop& loop, Socket socket) : op(Handler<Closed>::To<&Closing::On>(this)) {
      loop.Close(op, socket);
    }
    void On(Closed) {}
    CloseOp op;
  };

  void OnAccepted(Accepted outcome) {
    if (outcome.error != IoError::kNone) return;
    legs_.push_back(std::make_unique<Leg>(*this, outcome.socket));
  }
  void OnJoin(Leg& leg, const Join& join) {
    tokens.push_back(join.token);
    if (manners_ == Manners::kRefuse) {
      return leg.exchange->Goaway(CloseCode::kBadToken, "the token is too old");
    }
    if (manners_ == Manners::kAnswerOddly) return leg.exchange->Send(Notice{"welcome"});
    leg.joined = true;
    if (legs_.size() < 2 || !legs_[0]->joined || !legs_[1]->joined) return;
    for (const auto& each : legs_) {
      each->exchange->Send(Joined{});
      if (manners_ != Manners::kKeepTls) each->connection->Detach();
    }
  }
  void OnDetached() {
    if (!legs_[0]->raw.valid() || !legs_[1]->raw.valid()) return;
    if (manners_ == Manners::kSwallow) return;
    Loop& loop = driver_.loop();
    pipes_.push_back(std::make_unique<Pipe>(loop, legs_[0]->raw, legs_[1]->raw));
    pipes_.push_back(std::make_unique<Pipe>(loop, legs_[1]->raw, legs_[0]->raw));
  }
  void Close(Socket socket) {
    closings_.push_back(std::make_unique<Closing>(driver_.loop(), socket));
  }

  LoopDriver& driver_;
  const TlsContext& tls_;
  const Manners manners_;
  AcceptOp accept_;
  Socket listener_;
  std::vector<std::unique_ptr<Leg>> legs_;
  std::vector<std::unique_ptr<Pipe>> pipes_;
  std::vector<std::unique_ptr<Closing>> closings_;
};

// Talker sends kTalkSize bytes and collects what comes.
class Talker final : public RecordProtocol {
 public:
  explicit Talker(char letter) : text_(kTalkSize, letter) {}
  void Receive(BufferRef plaintext, Instant) override { heard += AsText(plaintext.bytes()); }
  size_t GatherRecord(std::span<ByteView> slices, Instant) override {
    taking_ = std::min(kRecordSizeMax, text_.size() - said_);
    if (taking_ == 0) return 0;
    slices[0] = AsBytes(text_).subspan(said_, taking_);
    return 1;
  }
  void RecordTaken() override { said_ += taking_; }
  Instant NextDeadline() const override { return Instant::max(); }
  void HandleDeadline(Instant) override {}
  std::string heard;

 private:
  const std::string text_;
  size_t said_ = 0;
  size_t taking_ = 0;
};

// End is one end point.
class End final : private JoinedConnection::Events {
 public:
  End(LoopDriver& driver, const TlsContext& outer, std::shared_ptr<TlsContext> inner, char letter)
      : talker(letter),
        connection(std::make_unique<JoinedConnection>(
            driver, outer, std::move(inner),
            JoinedConnection::Options{.relay = {kRelayAddress, kPort},
                                      .token = std::string("token-") + letter,
                                      .wrapped = false},
            static_cast<JoinedConnection::Events&>(*this))) {}
  Talker talker;
  bool secured = false;
  std::optional<JoinEnd> end;
  std::unique_ptr<JoinedConnection> connection;

 private:
  void OnSecured(JoinedConnection& secured_connection) override {
    secured = true;
    secured_connection.SetProtocol(talker);
    secured_connection.OutputReady();
  }
  void OnClosed(JoinedConnection&, const JoinEnd& why) override {
    end = why;
    connection.reset();
  }
};

class JoinedConnectionTest : public ::testing::Test {
 protected:
  struct World {
    World(uint64_t seed, const sim::Faults& faults)
        : driver(std::make_unique<sim::SimLoop>(seed, faults, kBlockCount, 32 * 1024)) {}
    LoopDriver driver;
    std::unique_ptr<TestRelay> relay;
    std::unique_ptr<End> client, node;

    bool Run(const std::function<bool()>& done) {
      const Instant start = driver.loop().Now();
      while (!done()) {
        if (driver.loop().Now() - start > std::chrono::minutes(5)) return false;
        driver.RunOnce(std::chrono::milliseconds(100));
      }
      return true;
    }
    void Finish() {
      if (client->connection != nullptr) client->connection->Close();
      if (node->connection != nullptr) node->connection->Close();
      EXPECT_TRUE(Run([this] {
        return client->end.has_value() && node->end.has_value() && relay->Stop() &&
               driver.loop().in_flight_count() == 0;
      }));
    }
  };

  static sim::Faults Calm() {
    sim::Faults faults;
    faults.latency_max = std::chrono::milliseconds(3);
    return faults;
  }

  std::unique_ptr<World> Make(uint64_t seed, const sim::Faults& faults,
                              TestRelay::Manners manners) {
    auto world = std::make_unique<World>(seed, faults);
    world->relay = std::make_unique<TestRelay>(world->driver, *outer_server_, manners);
    world->client = std::make_unique<End>(world->driver, *outer_client_,
                                          InnerClient(client_side_, trusted_node_), 'c');
    world->node = std::make_unique<End>(world->driver, *outer_client_,
                                        InnerServer(node_side_, trusted_client_), 'n');
    return world;
  }

  TestAuthority authority_;
  std::unique_ptr<TlsContext> outer_server_ =
      Must(TlsContext::Server({.identity = authority_.ServerIdentity(),
                               .protocols = {"adit-join/1"},
                               .clock = TestClock()}));
  std::unique_ptr<TlsContext> outer_client_ =
      Must(TlsContext::Client({.trust = TlsTrust::Authority(authority_.Pem()),
                               .protocols = {"adit-join/1"},
                               .clock = TestClock()}));
  SessionSide client_side_, node_side_, other_side_;
  crypto::Sha256Digest trusted_node_ = node_side_.fingerprint;
  crypto::Sha256Digest trusted_client_ = client_side_.fingerprint;
};

TEST_F(JoinedConnectionTest, TwoEndsMeetThroughARelayThatCannotRead) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    sim::Faults faults = sim::Faults::SwarmThatLasts(seed);
    const auto world = Make(seed, faults, TestRelay::Manners::kJoin);
    EXPECT_TRUE(world->Run([&] {
      return world->client->talker.heard.size() == kTalkSize &&
             world->node->talker.heard.size() == kTalkSize;
    })) << "seed "
        << seed;
    EXPECT_EQ(world->client->talker.heard, std::string(kTalkSize, 'n')) << "seed " << seed;
    EXPECT_EQ(world->node->talker.heard, std::string(kTalkSize, 'c')) << "seed " << seed;
    world->Finish();
    EXPECT_EQ(world->driver.loop().buffers().free_count(), kBlockCount) << "seed " << seed;
  }
}

TEST_F(JoinedConnectionTest, EachSideTakesNoOtherKeyThanTheOneItWasTold) {
  for (const bool client_is_wrong : {true, false}) {
    trusted_node_ = client_is_wrong ? node_side_.fingerprint : other_side_.fingerprint;
    trusted_client_ = client_is_wrong ? other_side_.fingerprint : client_side_.fingerprint;
    const auto world = Make(1, Calm(), TestRelay::Manners::kJoin);
    EXPECT_TRUE(
        world->Run([&] { return world->client->end.has_value() && world->node->end.has_value(); }));
    const End& judge = client_is_wrong ? *world->node : *world->client;
    EXPECT_EQ(judge.end->stage, Stage::kInner);
    EXPECT_NE(judge.end->end.text.find("another key"), std::string::npos) << judge.end->end.text;
    EXPECT_EQ(world->node->talker.heard, "");
    EXPECT_EQ(world->client->talker.heard, "");
    world->Finish();
  }
}

TEST_F(JoinedConnectionTest, ARefusalTellsItsCodeAndReason) {
  const auto world = Make(2, Calm(), TestRelay::Manners::kRefuse);
  EXPECT_TRUE(world->Run([&] { return world->client->end.has_value(); }));
  EXPECT_EQ(world->client->end->stage, Stage::kJoining);
  EXPECT_EQ(world->client->end->code, CloseCode::kBadToken);
  EXPECT_EQ(world->client->end->end.text, "the token is too old");
  world->Finish();
}

TEST_F(JoinedConnectionTest, AnOddAnswerEndsTheJoin) {
  const auto world = Make(3, Calm(), TestRelay::Manners::kAnswerOddly);
  EXPECT_TRUE(world->Run([&] { return world->client->end.has_value(); }));
  EXPECT_EQ(world->client->end->stage, Stage::kJoining);
  EXPECT_EQ(world->client->end->end.kind, ConnectionEnd::Kind::kPeerError);
  world->Finish();
}

TEST_F(JoinedConnectionTest, WhereRawBytesDoNotPassNothingWasHeardOfTheOtherEnd) {
  const auto world = Make(4, Calm(), TestRelay::Manners::kSwallow);
  EXPECT_TRUE(world->Run([&] { return world->client->end.has_value(); }));
  EXPECT_EQ(world->client->end->stage, Stage::kInner);
  EXPECT_FALSE(world->client->end->heard_other_end);
  world->Finish();
}

TEST_F(JoinedConnectionTest, AnAnswerOfWhatEndsTlsOnTheWayIsNotTheOtherEnds) {
  const auto world = Make(4, Calm(), TestRelay::Manners::kKeepTls);
  EXPECT_TRUE(world->Run([&] { return world->client->end.has_value(); }));
  EXPECT_EQ(world->client->end->stage, Stage::kInner);
  EXPECT_FALSE(world->client->end->heard_other_end) << world->client->end->end.text;
  world->Finish();
}

TEST_F(JoinedConnectionTest, ACutInTheMiddleIsNoOrderlyEnd) {
  const auto world = Make(5, Calm(), TestRelay::Manners::kJoin);
  EXPECT_TRUE(world->Run([&] { return world->client->secured && world->node->secured; }));
  EXPECT_TRUE(world->Run([&] { return world->relay->Stop() || world->client->end.has_value(); }));
  EXPECT_TRUE(
      world->Run([&] { return world->client->end.has_value() && world->node->end.has_value(); }));
  EXPECT_EQ(world->client->end->stage, Stage::kOpen);
  EXPECT_EQ(world->client->end->end.kind, ConnectionEnd::Kind::kCut);
  world->Finish();
}

}  // namespace
}  // namespace engine::test
