// Goal: two end points meet through the relay with TLS of their own, whichever of them stays inside
// the relay's TLS, or comes on a connection that was for calls, and each hears how the other one
// ended.
// Method: a whole switchboard and two joined connections on the simulated network, with faults by
// seed short of breaking.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"
#include "engine/net/https_client.h"
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
  // `relay` is what it comes to the relay with: a context, or calls that were made.
  template <class Relay>
  Speaker(engine::LoopDriver& driver, Relay& relay, std::shared_ptr<TlsContext> inner,
          std::string token, bool is_wrapped, std::string text)
      : text_(std::move(text)) {
    connection = std::make_unique<JoinedConnection>(
        driver, relay, std::move(inner),
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
  std::unique_ptr<TlsContext> relay, client, node, api;
  std::shared_ptr<TlsContext> inner_client, inner_node;

  LaneContexts() {
    relay = Must(TlsContext::Server({.identity = authority.ServerIdentity(),
                                     .client_authority_pem = authority.Pem(),
                                     .protocols = {"adit-join/1", "adit-api/1", "http/1.1"},
                                     .clock = engine::test::TestClock()}));
    engine::TlsClientOptions options;
    options.trust = engine::TlsTrust::Authority(authority.Pem());
    options.protocols = {"adit-join/1"};
    options.clock = engine::test::TestClock();
    client = Must(TlsContext::Client(options));
    options.identity = authority.ClientIdentity(TestLane::kNode);
    node = Must(TlsContext::Client(options));
    options.identity.reset();
    options.protocols = {"adit-api/1", "http/1.1"};
    api = Must(TlsContext::Client(options));
    inner_client = Must(
        TlsContext::Client({.trust = engine::TlsTrust::PublicKey(node_key.key.PublicFingerprint()),
                            .identity = client_key.identity,
                            .protocols = {"adit/1"}}));
    inner_node = Must(TlsContext::Server({.identity = node_key.identity,
                                          .client_public_key = client_key.key.PublicFingerprint(),
                                          .protocols = {"adit/1"}}));
  }
};

const LaneContexts& Contexts() {
  static const LaneContexts contexts;
  return contexts;
}

// Meeting is a relay's switchboard with one lane, on a simulated network of that seed.
struct Meeting {
  explicit Meeting(uint64_t seed)
      : driver(std::make_unique<engine::sim::SimLoop>(
            seed, engine::sim::Faults::SwarmThatLasts(seed), kBlockCount, 32 * 1024)),
        switchboard({.locate = [](const std::string&) { return std::nullopt; }}, driver,
                    *Contexts().relay, control),
        calls(driver, *Contexts().api, {kRelay, kPort}) {
    engine::Address address;
    CHECK(engine::Address::Parse(kRelay, kPort, address));
    switchboard.Listen(driver.loop().Listen(address, 64).socket, [this](Greeting greeting) {
      switchboard.Adopt(greeting.socket, std::move(greeting.first_bytes));
    });
    switchboard.AddLane(lane.grant);
  }

  template <class Done>
  bool Run(Done done) {
    const engine::Instant end = driver.loop().Now() + minutes(10);
    while (!done()) {
      if (driver.loop().Now() >= end) return false;
      driver.RunOnce(milliseconds(10));
    }
    return true;
  }

  // Call makes a call that the relay answers; its connection is kept.
  void Call() {
    engine::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", kRelay);
    bool is_answered = false;
    calls.Call(std::move(request), [&](engine::CallResult result) {
      is_answered = result.kind == engine::CallResult::Kind::kResponse;
    });
    ASSERT_TRUE(Run([&] { return !control.replies.empty(); }));
    control.replies.back()({.status = 200});
    ASSERT_TRUE(Run([&] { return is_answered; }));
  }

  engine::LoopDriver driver;
  RecordingControl control;
  Switchboard switchboard;
  engine::HttpsClient calls;
  const TestLane lane;
};

// How a side comes to the relay.
enum class Way : uint8_t { kBare, kWrapped, kByCall, kWrappedByCall };

// Play lets both sides say a long text, and then the client or the node leave.
void Play(uint64_t seed, Way client_way, Way node_way) {
  const LaneContexts& tls = Contexts();
  Meeting meeting(seed);
  const TestLane& lane = meeting.lane;
  const std::string question(300'000, 'q'), answer(300'000, 'a');
  const bool is_by_call = client_way == Way::kByCall || client_way == Way::kWrappedByCall;
  const bool client_is_wrapped = client_way == Way::kWrapped || client_way == Way::kWrappedByCall;
  std::optional<Speaker> come;
  if (is_by_call) {
    meeting.Call();
    ASSERT_TRUE(meeting.calls.can_join());
    come.emplace(meeting.driver, meeting.calls, tls.inner_client, lane.client_token,
                 client_is_wrapped, question);
    EXPECT_FALSE(meeting.calls.can_join());
  } else {
    come.emplace(meeting.driver, *tls.client, tls.inner_client, lane.client_token,
                 client_is_wrapped, question);
  }
  Speaker& client = *come;
  Speaker node(meeting.driver, *tls.node, tls.inner_node, lane.node_token,
               node_way == Way::kWrapped, answer);
  EXPECT_TRUE(meeting.Run([&] {
    return client.heard.size() == answer.size() && node.heard.size() == question.size();
  }));
  EXPECT_TRUE(client.heard == answer);
  EXPECT_TRUE(node.heard == question);
  Speaker& leaver = seed % 2 == 0 ? client : node;
  Speaker& other = seed % 2 == 0 ? node : client;
  if (leaver.connection != nullptr) leaver.connection->CloseAfterOutput();
  EXPECT_TRUE(meeting.Run([&] { return leaver.end.has_value() && other.end.has_value(); }));
  if (other.end.has_value()) {
    EXPECT_EQ(other.end->stage, engine::JoinEnd::Stage::kOpen);
    EXPECT_EQ(other.end->end.kind, engine::ConnectionEnd::Kind::kClosedByPeer)
        << other.end->end.text;
  }
  for (Speaker* side : {&client, &node}) {
    if (side->connection != nullptr) side->connection->Close();
  }
  meeting.calls.Close();
  meeting.switchboard.Stop(seconds(1));
  ASSERT_TRUE(meeting.Run([&] {
    return meeting.switchboard.stopped() && client.end.has_value() && node.end.has_value() &&
           meeting.calls.joined() && meeting.driver.loop().in_flight_count() == 0;
  }));
  const RecordingControl& control = meeting.control;
  EXPECT_EQ(control.joined.size(), 1u);
  ASSERT_EQ(control.ended.size(), 1u);
  EXPECT_GT(control.ended[0].second.to_node_bytes, question.size());
  EXPECT_EQ(meeting.driver.loop().buffers().free_count(), kBlockCount);
}

TEST(JoinedLaneTest, ABareLaneCarriesBothWaysAndItsEnd) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, Way::kBare, Way::kBare);
  }
}

TEST(JoinedLaneTest, AClientInsideTheRelaysTlsMeetsABareNode) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, Way::kWrapped, Way::kBare);
  }
}

TEST(JoinedLaneTest, ANodeInsideTheRelaysTlsMeetsABareClient) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, Way::kBare, Way::kWrapped);
  }
}

TEST(JoinedLaneTest, BothMayStayInsideTheRelaysTls) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, Way::kWrapped, Way::kWrapped);
  }
}

TEST(JoinedLaneTest, TheConnectionOfACallBecomesALane) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Play(seed, Way::kByCall, seed % 3 == 0 ? Way::kWrapped : Way::kBare);
    Play(seed, Way::kWrappedByCall, seed % 3 == 0 ? Way::kWrapped : Way::kBare);
  }
}

// Who stops after the call and before the join takes no join: the client dials another one.
TEST(JoinedLaneTest, TheConnectionOfACallMayBeOverWhenItIsToBecomeALane) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Meeting meeting(seed);
    meeting.Call();
    ASSERT_TRUE(meeting.calls.can_join());
    meeting.switchboard.Stop(seconds(1));
    Speaker client(meeting.driver, meeting.calls, Contexts().inner_client,
                   meeting.lane.client_token, false, "hello");
    ASSERT_TRUE(meeting.Run([&] { return client.end.has_value(); }));
    EXPECT_EQ(client.end->stage, engine::JoinEnd::Stage::kTaken);
    meeting.calls.Close();
    ASSERT_TRUE(meeting.Run([&] {
      return meeting.switchboard.stopped() && meeting.calls.joined() &&
             meeting.driver.loop().in_flight_count() == 0;
    }));
    EXPECT_THAT(meeting.control.joined, testing::IsEmpty());
  }
}

}  // namespace
}  // namespace relay
