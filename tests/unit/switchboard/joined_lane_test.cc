// Goal: two end points meet through the relay with TLS of their own, whichever of them stays inside
// the relay's TLS, and each hears how the other one ended.
// Method: a whole switchboard and two joined connections on the simulated network, with faults by
// seed short of breaking.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"
#include "engine/net/joined_connection.h"
#include "engine/sim/sim_loop.h"
#include "engine/tls/tls_channel.h"
#include "relay/switchboard/switchboard.h"
#include "tests/support/tls_credentials.h"
#include "tests/unit/switchboard/recording_control.h"
#include "tests/unit/switchboard/test_lane.h"

namespace relay {
namespace {

using engine::JoinedConnection;
using engine::TlsContext;
using engine::test::Must;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr char kRelay[] = "10.0.0.1";
constexpr uint16_t kPort = 443;
constexpr uint16_t kBlockCount = 512;

// Speaker says one long text and collects what comes.
class Speaker final : public engine::RecordProtocol, private JoinedConnection::Events {
 public:
  Speaker(engine::LoopDriver& driver, const TlsContext& outer, std::shared_ptr<TlsContext> inner,
          std::string token, bool is_wrapped, std::string text)
      : text_(std::move(text)) {
    connection = std::make_unique<JoinedConnection>(
        driver, outer, std::move(inner),
        JoinedConnection::Options{
            .relay = {kRelay, kPort}, .token = std::move(token), .wrapped = is_wrapped},
        static_cast<JoinedConnection::Events&>(*this));
  }
  void Receive(engine::BufferRef plaintext, engine::Instant) override {
    heard += engine::AsText(plaintext.bytes());
  }
  size_t GatherRecord(std::span<engine::ByteView> slices, engine::Instant) override {
    taking_ = std::min(engine::kRecordSizeMax, text_.size() - said_);
    if (taking_ == 0) return 0;
    slices[0] = engine::AsBytes(text_).subspan(said_, taking_);
    return 1;
  }
  void RecordTaken() override { said_ += taking_; }
  engine::Instant NextDeadline() const override { return engine::Instant::max(); }
  void HandleDeadline(engine::Instant) override {}

  std::string heard;
  std::optional<engine::JoinEnd> end;
  std::unique_ptr<JoinedConnection> connection;

 private:
  void OnSecured(JoinedConnection& secured) override {
    secured.SetProtocol(*this);
    secured.OutputReady();
  }
  void OnClosed(JoinedConnection&, const engine::JoinEnd& why) override {
    end = why;
    connection.reset();
  }

  const std::string text_;
  size_t said_ = 0;
  size_t taking_ = 0;
};

// SideKey is the key of one side for one session.
struct SideKey {
  engine::crypto::PrivateKey key = engine::crypto::PrivateKey::Generate();
  engine::TlsIdentity identity{
      Must(engine::crypto::CreateSessionCertificate(key, engine::test::kTestYear)).Pem(),
      key.Pem()};
};

struct LaneContexts {
  engine::test::TestAuthority authority;
  SideKey client_key, node_key;
  std::unique_ptr<TlsContext> relay, client, node;
  std::shared_ptr<TlsContext> inner_client, inner_node;

  LaneContexts() {
    relay = Must(TlsContext::Server({.identity = authority.ServerIdentity(),
                                     .client_authority_pem = authority.Pem(),
                                     .protocols = {"adit-join/1"},
                                     .clock = engine::test::TestClock()}));
    engine::TlsClientOptions options;
    options.trust = engine::TlsTrust::Authority(authority.Pem());
    options.protocols = {"adit-join/1"};
    options.clock = engine::test::TestClock();
    client = Must(TlsContext::Client(options));
    options.identity = authority.ClientIdentity(TestLane::kNode);
    node = Must(TlsContext::Client(options));
    inner_client = Must(
        TlsContext::Client({.trust = engine::TlsTrust::PublicKey(node_key.key.PublicFingerprint()),
                            .identity = client_key.identity,
                            .protocols = {"adit/1"}}));
    inner_node = Must(TlsContext::Server({.identity = node_key.identity,
                                          .client_public_key = client_key.key.PublicFingerprint(),
                                          .protocols = {"adit/1"}}));
  }
};

// Play lets both sides say a long text, and then the client or the node leave.
void Play(uint64_t seed, bool client_is_wrapped, bool node_is_wrapped) {
  static const LaneContexts tls;
  engine::sim::Faults faults = engine::sim::Faults::SwarmThatLasts(seed);
  engine::LoopDriver driver(
      std::make_unique<engine::sim::SimLoop>(seed, faults, kBlockCount, 32 * 1024));
  RecordingControl control;
  Switchboard::Options options;
  options.locate = [](const std::string&) { return std::nullopt; };
  Switchboard switchboard(options, driver, *tls.relay, control);
  engine::Address address;
  CHECK(engine::Address::Parse(kRelay, kPort, address));
  switchboard.Listen(driver.loop().Listen(address, 64).socket, [&](Greeting greeting) {
    switchboard.Adopt(greeting.socket, std::move(greeting.first_bytes));
  });
  const auto run = [&driver](auto done) {
    const engine::Instant end = driver.loop().Now() + minutes(10);
    while (!done()) {
      if (driver.loop().Now() >= end) return false;
      driver.RunOnce(milliseconds(10));
    }
    return true;
  };

  const TestLane lane;
  switchboard.AddLane(lane.grant);
  const std::string question(300'000, 'q'), answer(300'000, 'a');
  Speaker client(driver, *tls.client, tls.inner_client, lane.client_token, client_is_wrapped,
                 question);
  Speaker node(driver, *tls.node, tls.inner_node, lane.node_token, node_is_wrapped, answer);
  EXPECT_TRUE(run([&] {
    return client.heard.size() == answer.size() && node.heard.size() == question.size();
  }));
  EXPECT_TRUE(client.heard == answer);
  EXPECT_TRUE(node.heard == question);
  Speaker& leaver = seed % 2 == 0 ? client : node;
  Speaker& other = seed % 2 == 0 ? node : client;
  if (leaver.connection != nullptr) leaver.connection->CloseAfterOutput();
  EXPECT_TRUE(run([&] { return leaver.end.has_value() && other.end.has_value(); }));
  if (other.end.has_value()) {
    EXPECT_EQ(other.end->stage, engine::JoinEnd::Stage::kOpen);
    EXPECT_EQ(other.end->end.kind, engine::ConnectionEnd::Kind::kClosedByPeer)
        << other.end->end.text;
  }
  for (Speaker* side : {&client, &node}) {
    if (side->connection != nullptr) side->connection->Close();
  }
  switchboard.Stop(seconds(1));
  ASSERT_TRUE(run([&] {
    return switchboard.stopped() && client.end.has_value() && node.end.has_value() &&
           driver.loop().in_flight_count() == 0;
  }));
  EXPECT_EQ(control.joined.size(), 1u);
  ASSERT_EQ(control.ended.size(), 1u);
  EXPECT_GT(control.ended[0].second.to_node_bytes, question.size());
  EXPECT_EQ(driver.loop().buffers().free_count(), kBlockCount);
}

TEST(JoinedLaneTest, ABareLaneCarriesBothWaysAndItsEnd) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, false, false);
  }
}

TEST(JoinedLaneTest, AClientInsideTheRelaysTlsMeetsABareNode) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, true, false);
  }
}

TEST(JoinedLaneTest, ANodeInsideTheRelaysTlsMeetsABareClient) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, false, true);
  }
}

TEST(JoinedLaneTest, BothMayStayInsideTheRelaysTls) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, true, true);
  }
}

}  // namespace
}  // namespace relay
