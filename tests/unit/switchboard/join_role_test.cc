// Goal: a connection that comes to join shows one good token and is joined, bare or inside TLS, or
// is told why not; what it says before and behind that counts.
// Method: a whole switchboard and two end points in TLS on a simulated network, calm and with
// faults by seed.

#include "relay/switchboard/join_role.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "engine/sim/sim_loop.h"
#include "relay/switchboard/switchboard.h"
#include "tests/support/tls_credentials.h"
#include "tests/unit/switchboard/join_peer.h"
#include "tests/unit/switchboard/recording_control.h"
#include "tests/unit/switchboard/test_lane.h"

namespace relay {
namespace {

using engine::CloseCode;
using engine::test::Must;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr char kRelay[] = "10.0.0.1";
constexpr uint16_t kPort = 443;
constexpr uint16_t kBlockCount = 512;
constexpr uint32_t kLoop = 1;
constexpr engine::sim::Faults kCalm = {
    .delay = 0, .short_receive = 0, .short_send = 0, .cancel_loses = 0, .reset_loses_bytes = 0};

// Contexts are made once: keys cost more than a test.
struct Contexts {
  engine::test::TestAuthority authority;
  std::unique_ptr<engine::TlsContext> server, client, node, other_node, agent, api, joining_api;

  Contexts() {
    server = Must(engine::TlsContext::Server(
        {.identity = authority.ServerIdentity(),
         .client_authority_pem = authority.Pem(),
         .protocols = {"adit/1", "adit-join/1", "adit-api/1", "http/1.1"},
         .clock = engine::test::TestClock()}));
    engine::TlsClientOptions options;
    options.trust = engine::TlsTrust::Authority(authority.Pem());
    options.protocols = {"adit-join/1"};
    options.clock = engine::test::TestClock();
    client = Must(engine::TlsContext::Client(options));
    options.identity = authority.ClientIdentity(TestLane::kNode);
    node = Must(engine::TlsContext::Client(options));
    options.identity = authority.ClientIdentity("mi-00000000000000000");
    other_node = Must(engine::TlsContext::Client(options));
    options.protocols = {"adit/1"};
    agent = Must(engine::TlsContext::Client(options));
    options.identity.reset();
    options.protocols = {"http/1.1"};
    api = Must(engine::TlsContext::Client(options));
    options.protocols = {"adit-api/1", "http/1.1"};
    joining_api = Must(engine::TlsContext::Client(options));
  }
};
const Contexts& Shared() {
  static const Contexts contexts;
  return contexts;
}

class JoinRoleTest : public testing::Test {
 protected:
  void SetUp() override { Make(kCalm, 1); }
  ~JoinRoleTest() override { Destroy(); }

  void Make(const engine::sim::Faults& faults, uint64_t seed, size_t connections_max = 1000,
            size_t strangers_max = 1000) {
    Destroy();
    auto loop = std::make_unique<engine::sim::SimLoop>(seed, faults, kBlockCount, 32 * 1024);
    loop_ = loop.get();
    driver_ = std::make_unique<engine::LoopDriver>(std::move(loop));
    control_ = {};
    Switchboard::Options options;
    options.index = kLoop;
    options.connections_max = connections_max;
    options.strangers_max = strangers_max;
    options.locate = [](const std::string&) { return std::nullopt; };
    switchboard_ = std::make_unique<Switchboard>(options, *driver_, *Shared().server, control_);
    engine::Address address;
    CHECK(engine::Address::Parse(kRelay, kPort, address));
    switchboard_->Listen(loop_->Listen(address, 64).socket, [this](Greeting greeting) {
      switchboard_->Adopt(greeting.socket, std::move(greeting.first_bytes));
    });
  }

  JoinPeer& Dial(const engine::TlsContext& tls, JoinPeer::Manners manners) {
    return peers_.emplace_back(*driver_, tls, kRelay, kPort, std::move(manners));
  }
  JoinPeer& DialClient(const TestLane& lane) {
    return Dial(*Shared().client, {.token = lane.client_token});
  }
  JoinPeer& DialNode(const TestLane& lane) {
    return Dial(*Shared().node, {.token = lane.node_token});
  }

  // Run goes on until `done`; false: it is not after five minutes of virtual time.
  template <class Done>
  bool Run(Done done) {
    const engine::Instant end = loop_->Now() + minutes(5);
    while (!done()) {
      if (loop_->Now() >= end) return false;
      driver_->RunOnce(milliseconds(10));
    }
    return true;
  }
  void RunFor(engine::Duration time) {
    const engine::Instant end = loop_->Now() + time;
    while (loop_->Now() < end) driver_->RunOnce(milliseconds(10));
  }

  // RefusalOf is how the relay answers a peer with that token.
  CloseCode RefusalOf(const engine::TlsContext& tls, const std::string& token) {
    JoinPeer& peer = Dial(tls, {.token = token});
    EXPECT_TRUE(Run([&] { return peer.end.has_value(); }));
    EXPECT_FALSE(peer.joined);
    last_text_ = peer.goaway_text;
    return peer.goaway.value_or(CloseCode::kNormal);
  }

  engine::sim::SimLoop* loop_ = nullptr;
  std::unique_ptr<engine::LoopDriver> driver_;
  RecordingControl control_;
  std::unique_ptr<Switchboard> switchboard_;
  std::deque<JoinPeer> peers_;
  std::string last_text_;

 private:
  void Destroy() {
    if (driver_ == nullptr) return;
    for (JoinPeer& peer : peers_) peer.Close();
    switchboard_->Stop(seconds(1));
    EXPECT_TRUE(Run([&] {
      for (const JoinPeer& peer : peers_) {
        if (!peer.closed()) return false;
      }
      return switchboard_->stopped() && loop_->in_flight_count() == 0;
    }));
    peers_.clear();
    switchboard_.reset();
    EXPECT_EQ(loop_->network().open_count(), 0u);
    EXPECT_EQ(loop_->buffers().free_count(), kBlockCount);
    driver_.reset();
  }
};

TEST_F(JoinRoleTest, BothSidesAreJoinedWhoeverComesFirstAndNoWordIsLost) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    engine::sim::Faults faults = engine::sim::Faults::SwarmThatLasts(seed);
    Make(faults, seed);
    const TestLane lane(kLoop);
    switchboard_->AddLane(lane.grant);
    // Said at once, so that they come while the relay still lays its TLS aside.
    const std::string hello(seed * 997, 'h'), answer(seed * 1009, 'a');
    const JoinPeer::Manners client{.token = lane.client_token, .first_words = hello};
    const JoinPeer::Manners node{.token = lane.node_token, .first_words = answer};
    JoinPeer& first = seed % 2 == 0 ? Dial(*Shared().client, client) : Dial(*Shared().node, node);
    if (seed % 3 != 0) RunFor(milliseconds(seed * 50));
    JoinPeer& second = seed % 2 == 0 ? Dial(*Shared().node, node) : Dial(*Shared().client, client);
    JoinPeer& one = seed % 2 == 0 ? first : second;
    JoinPeer& other = seed % 2 == 0 ? second : first;
    ASSERT_TRUE(Run([&] {
      return one.heard().size() >= answer.size() && other.heard().size() >= hello.size();
    })) << one.goaway_text
        << other.goaway_text;
    one.Say(" and more");
    one.Finish();
    ASSERT_TRUE(Run([&] { return other.ended(); }));
    EXPECT_TRUE(other.heard() == hello + " and more");
    EXPECT_TRUE(one.heard() == answer);
    other.Finish();
    ASSERT_TRUE(Run([&] { return !control_.ended.empty() && one.ended(); }));
    EXPECT_EQ(control_.joined.size(), 1u);
    ASSERT_EQ(control_.ended.size(), 1u);
    EXPECT_EQ(control_.ended[0].second.to_node_bytes, hello.size() + 9);
    EXPECT_EQ(control_.ended[0].second.to_client_bytes, answer.size());
    EXPECT_EQ(control_.ended[0].second.reason, "the client's connection was closed");
  }
}

TEST_F(JoinRoleTest, OneGoodTokenOfTheRightSideIsNeeded) {
  const TestLane lane(kLoop);
  switchboard_->AddLane(lane.grant);
  const Contexts& tls = Shared();
  EXPECT_EQ(RefusalOf(*tls.client, "wrong"), CloseCode::kBadToken);
  EXPECT_THAT(last_text_, HasSubstr("start a new session")) << "it says what to do next";
  EXPECT_EQ(RefusalOf(*tls.client, lane.node_token), CloseCode::kBadToken);
  EXPECT_EQ(RefusalOf(*tls.node, lane.client_token), CloseCode::kBadToken);
  EXPECT_EQ(RefusalOf(*tls.other_node, lane.node_token), CloseCode::kBadToken);
  EXPECT_EQ(RefusalOf(*tls.client, TestLane(kLoop).client_token), CloseCode::kBadToken);
  ASSERT_EQ(control_.refused.size(), 5u) << "each guess is on record";
  EXPECT_EQ(control_.refused[0].event, "JoinLane");
  EXPECT_FALSE(control_.refused[0].source_address.empty());
  EXPECT_EQ(RefusalOf(*tls.client, TestLane(9).client_token), CloseCode::kElsewhere);
  EXPECT_EQ(control_.refused.size(), 5u) << "who is sent to another loop has guessed nothing";
  EXPECT_EQ(last_text_, "9");
  JoinPeer& client = DialClient(lane);
  RunFor(seconds(1));
  EXPECT_EQ(RefusalOf(*tls.client, lane.client_token), CloseCode::kBadToken) << "used up";
  JoinPeer& node = DialNode(lane);
  ASSERT_TRUE(Run([&] { return client.joined && node.joined; }))
      << "those who guessed have kept nobody out";
  EXPECT_EQ(RefusalOf(*tls.node, lane.node_token), CloseCode::kBadToken);
}

TEST_F(JoinRoleTest, WhoComesTooLateIsRefusedAndWhoWaitsIsToldThatNobodyCame) {
  const TestLane lane(kLoop);
  switchboard_->AddLane(lane.grant);
  RunFor(seconds(5));
  JoinPeer& client = DialClient(lane);
  ASSERT_TRUE(Run([&] { return client.end.has_value(); }));
  EXPECT_EQ(client.goaway, CloseCode::kTimedOut);
  EXPECT_EQ(RefusalOf(*Shared().node, lane.node_token), CloseCode::kBadToken);
  ASSERT_EQ(control_.ended.size(), 1u);
  EXPECT_FALSE(control_.ended[0].second.was_joined);
}

TEST_F(JoinRoleTest, WhoShowsNoTokenIsSentAway) {
  JoinPeer& silent = Dial(*Shared().client, {.says_join = false});
  ASSERT_TRUE(Run([&] { return silent.secured; }));
  const engine::Instant start = loop_->Now();
  ASSERT_TRUE(Run([&] { return silent.end.has_value(); }));
  EXPECT_GT(loop_->Now() - start, JoinRole::kTokenMax - seconds(1));
  EXPECT_LT(loop_->Now() - start, JoinRole::kTokenMax + seconds(4));
  EXPECT_EQ(silent.goaway, CloseCode::kProtocolError);
  EXPECT_THAT(silent.goaway_text, HasSubstr("in time"));
}

TEST_F(JoinRoleTest, WhatIsNoJoinIsAProtocolError) {
  engine::Hello hello;
  hello.role = "client";
  for (const std::string& said :
       {ControlFrame(engine::Encode(hello)), ControlFrame(engine::Encode(engine::Joined{})),
        ControlFrame("{}"), ControlFrame("{\"type\":\"join\"}"),
        ControlFrame("{\"type\":\"join\",\"token\":7}"), std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string(100, '\xff')}) {
    JoinPeer& peer = Dial(*Shared().client, {.says_join = false});
    peer.Say(said);
    ASSERT_TRUE(Run([&] { return peer.end.has_value(); })) << said;
    EXPECT_EQ(peer.goaway, CloseCode::kProtocolError) << said;
  }
  EXPECT_TRUE(Run([&] { return switchboard_->connection_count() == 0; }));
}

TEST_F(JoinRoleTest, WhatIsSaidBehindAJoinEndsItAndItsLane) {
  for (const bool in_one_record : {true, false}) {
    const TestLane lane(kLoop);
    switchboard_->AddLane(lane.grant);
    JoinPeer& client = Dial(*Shared().client, {.says_join = false});
    const std::string join = ControlFrame(engine::Encode(engine::Join{lane.client_token, false}));
    client.Say(in_one_record ? join + "x" : join);
    if (!in_one_record) {
      RunFor(seconds(1));
      EXPECT_FALSE(client.end.has_value());
      client.Say("x");
    }
    ASSERT_TRUE(Run([&] { return client.end.has_value(); }));
    EXPECT_EQ(client.goaway, CloseCode::kProtocolError);
    if (in_one_record) continue;  // Then the token was not even looked at.
    EXPECT_EQ(RefusalOf(*Shared().node, lane.node_token), CloseCode::kBadToken);
  }
  EXPECT_TRUE(control_.joined.empty());
}

TEST_F(JoinRoleTest, ASideThatGoesWhileItWaitsTakesTheLaneWithIt) {
  const TestLane lane(kLoop);
  switchboard_->AddLane(lane.grant);
  JoinPeer& node = DialNode(lane);
  RunFor(seconds(1));
  node.Close();
  ASSERT_TRUE(Run([&] { return !control_.ended.empty(); }));
  EXPECT_THAT(control_.ended[0].second.reason, HasSubstr("the node left"));
  EXPECT_EQ(RefusalOf(*Shared().client, lane.client_token), CloseCode::kBadToken);
}

TEST_F(JoinRoleTest, InsideTlsBytesPassAsTheyAreAndNothingPilesUp) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    engine::sim::Faults faults = engine::sim::Faults::SwarmThatLasts(seed);
    faults.bytes_per_second = 0;
    Make(faults, seed);
    const TestLane lane(kLoop);
    switchboard_->AddLane(lane.grant);
    const bool both = seed % 3 == 0;
    std::string hello(400'000, 'h'), answer(400'000, 'a');
    for (size_t i = 0; i < hello.size(); ++i) hello[i] = static_cast<char>(i * 7 >> 5);
    JoinPeer& client = Dial(
        *Shared().client,
        {.token = lane.client_token, .is_wrapped = both || seed % 3 == 1, .first_words = hello});
    JoinPeer& node = Dial(
        *Shared().node,
        {.token = lane.node_token, .is_wrapped = both || seed % 3 == 2, .first_words = answer});
    ASSERT_TRUE(Run([&] {
      return client.heard().size() >= answer.size() && node.heard().size() >= hello.size();
    })) << client.goaway_text
        << node.goaway_text;
    EXPECT_TRUE(node.heard() == hello);
    EXPECT_TRUE(client.heard() == answer);
    client.Say("the last word");
    client.Finish();
    ASSERT_TRUE(Run([&] { return node.ended(); }));
    EXPECT_EQ(node.heard().substr(hello.size()), "the last word");
    node.Finish();
    ASSERT_TRUE(Run([&] { return !control_.ended.empty() && client.ended(); }));
    EXPECT_EQ(control_.ended[0].second.to_node_bytes, hello.size() + 13);
    EXPECT_EQ(control_.ended[0].second.to_client_bytes, answer.size());
  }
}

TEST_F(JoinRoleTest, OfALegInsideTlsNoMoreIsTakenThanTheOtherSideReads) {
  const TestLane lane(kLoop);
  switchboard_->AddLane(lane.grant);
  JoinPeer& client = Dial(*Shared().client, {.token = lane.client_token, .is_wrapped = true});
  JoinPeer& node = DialNode(lane);
  ASSERT_TRUE(Run([&] { return client.joined && node.bare != nullptr; }));
  node.bare->Pause();
  const std::string much(3'000'000, 'c');
  client.Say(much);
  RunFor(seconds(5));
  EXPECT_GT(loop_->buffers().free_count(), kBlockCount / 2);
  EXPECT_LT(node.heard().size(), 100'000u);
  node.Say("meanwhile");
  ASSERT_TRUE(Run([&] { return client.heard() == "meanwhile"; }));
  node.bare->ReadOn();
  ASSERT_TRUE(Run([&] { return node.heard().size() == much.size(); }));
}

TEST_F(JoinRoleTest, ARelayThatStopsDoesNotWaitForWhatCarriesNothingOrOutlivesIt) {
  const TestLane lane(kLoop);
  switchboard_->AddLane(lane.grant);
  const JoinPeer& client = DialClient(lane);
  const JoinPeer& node = DialNode(lane);
  const JoinPeer& idle = Dial(*Shared().api, {.says_join = false, .is_deaf = true});
  ASSERT_TRUE(Run([&] { return client.joined && node.joined && idle.secured; }));
  const engine::Instant start = loop_->Now();
  switchboard_->Stop(minutes(1));
  ASSERT_TRUE(Run([&] { return switchboard_->stopped(); }));
  EXPECT_LT(loop_->Now() - start, seconds(2));
}

TEST_F(JoinRoleTest, ARelayThatStopsWaitsForAnAnswerThatIsUnderWay) {
  JoinPeer& asking = Dial(*Shared().api, {.says_join = false, .is_raw = true});
  asking.Say("POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(Run([&] { return !control_.replies.empty(); }));
  switchboard_->Stop(minutes(1));
  RunFor(seconds(10));
  EXPECT_FALSE(switchboard_->stopped());
  engine::HttpResponse answer;
  answer.body = "done";
  control_.replies.front()(answer);
  ASSERT_TRUE(Run([&] { return switchboard_->stopped(); }));
  EXPECT_THAT(asking.heard(), HasSubstr("done"));
}

// What asks that a connection for calls becomes a lane.
constexpr char kJoinRequest[] = "POST /join HTTP/1.1\r\nHost: relay\r\nContent-Length: 0\r\n\r\n";

TEST_F(JoinRoleTest, AConnectionOfPlainHttpBecomesNoLane) {
  const TestLane lane(kLoop);
  switchboard_->AddLane(lane.grant);
  DialNode(lane);
  JoinPeer& asking = Dial(*Shared().api, {.says_join = false, .is_raw = true});
  asking.Say(kJoinRequest + ControlFrame(engine::Encode(engine::Join{lane.client_token, true})));
  ASSERT_TRUE(Run([&] { return !control_.replies.empty(); })) << "it is a call like any other";
  control_.replies.front()({.status = 404});
  ASSERT_TRUE(Run([&] { return asking.closed(); }));
  EXPECT_THAT(control_.joined, testing::IsEmpty());
}

TEST_F(JoinRoleTest, WhatAConnectionForCallsSaysBehindItsRequestIsAJoin) {
  const TestLane lane(kLoop);
  switchboard_->AddLane(lane.grant);
  const std::string join = ControlFrame(engine::Encode(engine::Join{lane.client_token, true}));
  const std::string stranger = ControlFrame(engine::Encode(engine::Join{"0.a.b", true}));
  for (const std::string& bad : {std::string("GET / HTTP/1.1\r\nHost: relay\r\n\r\n"), stranger,
                                 join + join, std::string(40'000, 'x')}) {
    JoinPeer& peer = Dial(*Shared().joining_api, {.says_join = false, .is_raw = true});
    peer.Say(kJoinRequest + bad.substr(0, 16'000));
    if (bad.size() > 16'000) peer.Say(bad.substr(16'000));
    EXPECT_TRUE(Run([&] { return peer.closed(); })) << bad.substr(0, 80);
  }
  JoinPeer& wordy = Dial(*Shared().joining_api, {.says_join = false, .is_raw = true});
  wordy.Say("POST /join HTTP/1.1\r\nHost: relay\r\nContent-Length: 2\r\n\r\n{}" + join);
  ASSERT_TRUE(Run([&] { return !control_.replies.empty(); })) << "one with a body is a call";
  control_.replies.front()({.status = 404});
  EXPECT_TRUE(Run([&] { return wordy.closed(); }));
  JoinPeer& silent = Dial(*Shared().joining_api, {.says_join = false, .is_raw = true});
  silent.Say(kJoinRequest);
  EXPECT_TRUE(Run([&] { return silent.closed(); }));
  EXPECT_THAT(control_.joined, testing::IsEmpty());
  EXPECT_EQ(control_.replies.size(), 1u);
}

TEST_F(JoinRoleTest, AnEndedSessionIsCutWithinASecondBareAndInsideTls) {
  for (const bool is_wrapped : {true, false}) {
    const TestLane lane(kLoop);
    switchboard_->AddLane(lane.grant);
    JoinPeer& client =
        Dial(*Shared().client, {.token = lane.client_token, .is_wrapped = is_wrapped});
    JoinPeer& node = DialNode(lane);
    ASSERT_TRUE(Run([&] { return client.joined && node.bare != nullptr; }));
    RunFor(seconds(30));
    const engine::Instant start = loop_->Now();
    switchboard_->EndLanes("admin-1", "Terminated by bob.");
    ASSERT_TRUE(Run([&] { return client.ended() && node.ended(); }));
    EXPECT_LT(loop_->Now() - start, seconds(1));
    EXPECT_EQ(control_.ended.back().second.reason, "Terminated by bob.");
  }
}

TEST_F(JoinRoleTest, StrangersHaveToGoBeforeThoseWhoWaitWithAGoodToken) {
  Make(kCalm, 1, 4);
  const TestLane lane(kLoop);
  switchboard_->AddLane(lane.grant);
  JoinPeer& client = DialClient(lane);
  RunFor(milliseconds(100));
  std::vector<JoinPeer*> strangers;
  for (int i = 0; i < 6; ++i) {
    strangers.push_back(&Dial(*Shared().client, {.says_join = false}));
    RunFor(milliseconds(100));
  }
  EXPECT_EQ(switchboard_->connection_count(), 4u);
  EXPECT_TRUE(strangers[0]->end.has_value()) << "the oldest";
  EXPECT_FALSE(strangers[5]->end.has_value()) << "the newest";
  JoinPeer& node = DialNode(lane);
  ASSERT_TRUE(Run([&] { return client.joined && node.joined; }));
}

TEST_F(JoinRoleTest, NodesAreNoStrangersAndTooManyStrangersGoWhereNodesHaveRoom) {
  Make(kCalm, 1, 1000, 2);
  std::vector<JoinPeer*> nodes, strangers;
  for (int i = 0; i < 6; ++i) {
    nodes.push_back(&Dial(*Shared().agent, {.says_join = false}));
    RunFor(milliseconds(100));
  }
  for (int i = 0; i < 3; ++i) {
    strangers.push_back(&Dial(*Shared().client, {.says_join = false}));
    RunFor(milliseconds(100));
  }
  EXPECT_EQ(switchboard_->connection_count(), 8u);
  for (JoinPeer* node : nodes) EXPECT_FALSE(node->end.has_value());
  EXPECT_TRUE(strangers[0]->end.has_value()) << "the oldest";
  EXPECT_FALSE(strangers[1]->end.has_value());
  EXPECT_FALSE(strangers[2]->end.has_value()) << "the newest";
}

TEST_F(JoinRoleTest, WhoIsKnownByNowTakesNoStrangersRoom) {
  Make(kCalm, 1, 1000, 2);
  const TestLane lanes[] = {TestLane(kLoop, "admin-1"), TestLane(kLoop, "bob-1"),
                            TestLane(kLoop, "carol-1")};
  for (const TestLane& lane : lanes) {
    switchboard_->AddLane(lane.grant);
    JoinPeer& client = DialClient(lane);
    JoinPeer& node = DialNode(lane);
    ASSERT_TRUE(Run([&] { return client.joined && node.joined; }));
  }
  const JoinPeer& stranger = Dial(*Shared().client, {.says_join = false});
  RunFor(milliseconds(100));
  EXPECT_FALSE(stranger.end.has_value());
}

TEST_F(JoinRoleTest, ARelayThatStopsRefusesWhoWaitsAndCutsWhatIsJoinedAfterItsGrace) {
  const TestLane joined(kLoop, "admin-1"), waiting(kLoop, "bob-1");
  switchboard_->AddLane(joined.grant);
  switchboard_->AddLane(waiting.grant);
  JoinPeer& client = DialClient(joined);
  JoinPeer& node = DialNode(joined);
  JoinPeer& waiter = DialClient(waiting);
  JoinPeer& stranger = Dial(*Shared().client, {.says_join = false});
  ASSERT_TRUE(Run([&] { return client.bare != nullptr && node.bare != nullptr; }));
  RunFor(seconds(1));
  switchboard_->Stop(seconds(5));
  ASSERT_TRUE(Run([&] { return waiter.end.has_value() && stranger.end.has_value(); }));
  EXPECT_EQ(waiter.goaway, CloseCode::kShuttingDown);
  EXPECT_EQ(stranger.goaway, CloseCode::kShuttingDown);
  client.Say("on");
  ASSERT_TRUE(Run([&] { return node.heard() == "on"; }));
  EXPECT_FALSE(switchboard_->stopped());
  ASSERT_TRUE(Run([&] { return switchboard_->stopped(); }));
  ASSERT_TRUE(Run([&] { return client.ended() && node.ended(); }));
  EXPECT_EQ(control_.ended.size(), 2u);
}

}  // namespace
}  // namespace relay
