// Goal: a sealed session lets in its client and nobody else, opens what was granted and nothing
// else, says all of it to the relay, and ends when it should.
// Method: the node's tables, a relay that only joins and clients on one simulated loop, in virtual
// time.

#include "agent/session/sealed_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "engine/sim/sim_loop.h"
#include "engine/wire/session_plan.h"
#include "tests/unit/agent/sealed_fixture.h"

namespace agent {
namespace {

using engine::CloseCode;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Stage = engine::JoinEnd::Stage;

class SealedSessionTest : public SealedFixture {
 protected:
  // Echoes sends a word through a stream of its own and returns whether it came back.
  bool Echoes(LaneClient& client) {
    PeerStream& stream = client.Tcp(kTarget, kTargetPort);
    stream.Send("word");
    return Run([&] { return stream.output == "word" || stream.over(); }) && stream.output == "word";
  }
};

// ---------------------------------------------------------------------- streams

TEST_F(SealedSessionTest, AStreamReachesItsTargetAndTheRelayIsTold) {
  LaneClient& client = Meet();
  EXPECT_EQ(client.answer->role, "node");
  EXPECT_EQ(client.answer->software, "adit-agent/test");
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("question", true);
  ASSERT_TRUE(Run([&] { return stream.over(); }));
  EXPECT_EQ(stream.closed, CloseCode::kNormal);
  EXPECT_EQ(stream.output, "question");
  ASSERT_TRUE(Run([&] { return News().size() == 2; }));
  const engine::StreamNews opened = News()[0];
  EXPECT_EQ(opened.session_id, kSession);
  EXPECT_FALSE(opened.is_closed);
  EXPECT_EQ(opened.what, "tcp 10.0.0.9:5432");
  const engine::StreamNews closed = News()[1];
  EXPECT_TRUE(closed.is_closed);
  EXPECT_EQ(closed.serial, opened.serial);
  EXPECT_EQ(closed.outcome, "normal");
  EXPECT_EQ(closed.to_node_bytes, 8u);
  EXPECT_EQ(closed.from_node_bytes, 8u);
}

TEST_F(SealedSessionTest, EveryStreamThatWasReportedOpenIsReportedClosedOnEverySeed) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    engine::sim::Faults faults = engine::sim::Faults::SwarmThatLasts(seed);
    Make({.targets_max = 8, .faults = faults});
    LaneClient& client = Meet();
    for (int i = 0; i < 40; ++i) {  // More than the node takes, and of every way to end.
      PeerStream& stream = client.Tcp(kTarget, kTargetPort);
      if (i % 3 == 0) stream.Send("some", true);
      if (i % 3 == 1) client.multiplexer().Reset(stream.id, CloseCode::kConnectionReset);
      if (i % 3 == 2) stream.Send("other");
    }
    ASSERT_TRUE(Run([&] { return News().size() >= 2 * 40 - 2 * 8; }));
    client.Cut();
    ASSERT_TRUE(Run([&] { return Over() != nullptr && targets_->count() == 0; }));
    std::map<uint32_t, int> open;
    bool saw_too_many = false;
    for (const engine::StreamNews& news : News()) {
      open[news.serial] += news.is_closed ? -1 : 1;
      EXPECT_GE(open[news.serial], 0);
      saw_too_many = saw_too_many || news.outcome == "too-many";
    }
    EXPECT_EQ(open.size(), 40u);
    for (const auto& [serial, count] : open) EXPECT_EQ(count, 0) << serial;
    EXPECT_TRUE(saw_too_many);
  }
}

TEST_F(SealedSessionTest, WhatIsNotGrantedIsDeniedAndTheLaneGoesOn) {
  LaneClient& client = Meet();
  engine::ExecRequest exec;
  exec.arguments = {"id"};
  PeerStream* const denied[] = {&client.Tcp(kTarget, kTargetPort + 1),
                                &client.Tcp("10.0.0.8", kTargetPort),
                                &client.Tcp("localhost", kTargetPort),
                                &client.Open(engine::ShellRequest{}), &client.Open(exec)};
  for (PeerStream* stream : denied) {
    ASSERT_TRUE(Run([&] { return stream->over(); }));
    EXPECT_EQ(stream->rejected, CloseCode::kDenied);
    EXPECT_THAT(stream->reason, HasSubstr("tcp 10.0.0.9:5432"));
  }
  EXPECT_TRUE(News().empty()) << "nothing was opened";
  EXPECT_TRUE(Echoes(client));
}

TEST_F(SealedSessionTest, AnOpenThatCannotBeReadIsUnsupported) {
  LaneClient& client = Meet();
  PeerStream stream;
  client.multiplexer().Open(engine::Priority::kBulk, engine::AsBytes("{\"type\":\"teleport\"}"),
                            stream);
  ASSERT_TRUE(Run([&] { return stream.over(); }));
  EXPECT_EQ(stream.rejected, CloseCode::kUnsupported);
}

TEST_F(SealedSessionTest, NoStreamOpensThatCouldNotBeReported) {
  LaneClient& client = Meet();
  Heard();
  while (table_->outbox().HasRoomForStream()) table_->outbox().Push(engine::StreamNews{"x"});
  PeerStream& refused = client.Tcp(kTarget, kTargetPort);
  ASSERT_TRUE(Run([&] { return refused.over(); }));
  EXPECT_EQ(refused.rejected, CloseCode::kTooMany);
  EXPECT_THAT(refused.reason, HasSubstr("report"));
  Heard();  // The relay reads again.
  EXPECT_TRUE(Echoes(client));
}

TEST_F(SealedSessionTest, ARefusedTargetIsSaidToBothSides) {
  engine::SessionOffer offer = Offer("1");
  offer.port = 1;  // Nobody listens there.
  LaneClient& client = Meet(offer);
  PeerStream& stream = client.Tcp(kTarget, 1);
  ASSERT_TRUE(Run([&] { return stream.over(); }));
  EXPECT_EQ(stream.rejected, CloseCode::kConnectionRefused);
  ASSERT_EQ(News().size(), 2u);
  EXPECT_EQ(News()[1].outcome, "connection-refused");
}

// ------------------------------------------------------------------ who comes in

TEST_F(SealedSessionTest, AClientWithAnotherKeyIsNotLetIn) {
  Say(Offer("1"));
  LaneClient& stranger = Join("1", ClientKey(), ClientHello());
  ASSERT_TRUE(Run([&] { return stranger.over(); }));
  EXPECT_FALSE(stranger.up());
  EXPECT_TRUE(News().empty());
  // The session waits for the one that was announced.
  OfferLane("2");
  LaneClient& client = Join("2");
  ASSERT_TRUE(Run([&] { return client.up(); }));
  EXPECT_TRUE(Echoes(client));
}

TEST_F(SealedSessionTest, ASecondClientOnAnotherLaneIsNotLetInAndTheFirstGoesOn) {
  LaneClient& client = Meet();
  OfferLane("2");
  LaneClient& stranger = Join("2", ClientKey(), ClientHello());
  ASSERT_TRUE(Run([&] { return stranger.over(); }));
  EXPECT_FALSE(stranger.up());
  EXPECT_TRUE(Echoes(client));
}

TEST_F(SealedSessionTest, OnlyTheHelloOfThisSessionsClientIsAnswered) {
  engine::Hello other = ClientHello("admin-2");
  engine::Hello agent = ClientHello();
  agent.role = "agent";
  engine::Hello newer = ClientHello();
  newer.version = newer.version_min = 999;
  const std::pair<engine::Hello, CloseCode> cases[] = {{other, CloseCode::kDenied},
                                                       {agent, CloseCode::kProtocolError},
                                                       {newer, CloseCode::kUnsupported}};
  Say(Offer("0"));
  int token = 0;
  for (const auto& [hello, code] : cases) {
    if (token > 0) OfferLane(std::to_string(token));
    LaneClient& client = Join(std::to_string(token++), client_key_, hello);
    ASSERT_TRUE(Run([&] { return client.over(); }));
    EXPECT_FALSE(client.up()) << hello.role;
    EXPECT_EQ(client.goaway, code) << hello.role;
  }
}

TEST_F(SealedSessionTest, ASilentClientIsSentAway) {
  Say(Offer("1"));
  LaneClient& client = Join("1", client_key_, engine::Hello{});
  const engine::Instant start = loop().Now();
  ASSERT_TRUE(Run([&] { return client.over(); }));
  EXPECT_TRUE(client.secured);
  EXPECT_EQ(client.goaway, CloseCode::kSilent);
  EXPECT_LE(loop().Now() - start, LaneCarrier::kHelloMax + seconds(2));
}

TEST_F(SealedSessionTest, ASecondHelloBreaksTheLane) {
  LaneClient& client = Meet();
  ASSERT_TRUE(client.multiplexer().SendControl(engine::kLinkStream, engine::Encode(ClientHello())));
  ASSERT_TRUE(Run([&] { return client.over(); }));
  EXPECT_EQ(client.goaway, CloseCode::kProtocolError);
}

TEST_F(SealedSessionTest, AFirstMessageThatIsNoHelloBreaksTheLane) {
  Say(Offer("1"));
  LaneClient& client = Join("1", client_key_, engine::Hello{});
  ASSERT_TRUE(Run([&] { return client.secured; }));
  ASSERT_TRUE(client.multiplexer().SendControl(engine::kLinkStream,
                                               engine::Encode(engine::Notice{"let me in"})));
  ASSERT_TRUE(Run([&] { return client.over(); }));
  EXPECT_EQ(client.goaway, CloseCode::kProtocolError);
  EXPECT_FALSE(client.up());
}

// ------------------------------------------------------------------------ lanes

TEST_F(SealedSessionTest, LanesEndByThemselvesAndStreamsWithTheirLane) {
  LaneClient& first = Meet();
  OfferLane("2");
  LaneClient& second = Join("2");
  ASSERT_TRUE(Run([&] { return second.up(); }));
  PeerStream& on_first = first.Tcp(kTarget, kTargetPort);
  PeerStream& on_second = second.Tcp(kTarget, kTargetPort);
  ASSERT_TRUE(Run([&] { return on_first.accepted && on_second.accepted; }));
  second.Cut();
  ASSERT_TRUE(Run([&] { return targets_->count() == 1; }));
  on_first.Send("still here");
  ASSERT_TRUE(Run([&] { return on_first.output == "still here"; }));
  EXPECT_EQ(Over(), nullptr);
  EXPECT_EQ(News().back().outcome, "session-ended");
}

TEST_F(SealedSessionTest, NoMoreLanesThanTheMaximum) {
  LaneClient& first = Meet();
  for (uint32_t lane = 1; lane < engine::kLanesMax + 3; ++lane) OfferLane(std::to_string(lane + 1));
  ASSERT_TRUE(Run([&] { return relay_->joins.size() >= engine::kLanesMax + 1; }));
  RunFor(seconds(2));
  size_t from_node = 0;
  for (const engine::Join& join : relay_->joins) from_node += join.token.starts_with("n-") ? 1 : 0;
  EXPECT_EQ(from_node, engine::kLanesMax);
  EXPECT_TRUE(Echoes(first));
  // Those that nobody came to give their place back.
  RunFor(engine::JoinedConnection::kJoinMax + seconds(5));
  OfferLane("again");
  LaneClient& again = Join("again");
  EXPECT_TRUE(Run([&] { return again.up(); }));
}

TEST_F(SealedSessionTest, AClientThatLeavesInOrderEndsTheSession) {
  LaneClient& client = Meet();
  EXPECT_TRUE(Echoes(client));
  const engine::Instant start = loop().Now();
  client.Leave();
  ASSERT_TRUE(Run([&] { return Over() != nullptr && table_->count() == 0; }));
  EXPECT_LT(loop().Now() - start, seconds(5));
  EXPECT_THAT(Over()->reason, HasSubstr("client ended"));
}

TEST_F(SealedSessionTest, WhatAClientSentBeforeItLeftReachesTheTarget) {
  server_->echoes = false;  // It has said all it has to say,
  server_->reads = false;   // and is in no hurry.
  LaneClient& client = Meet();
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  constexpr size_t kSize = 200'000;
  stream.Send(std::string(kSize, 'x'), true);
  ASSERT_TRUE(Run([&] { return stream.over(); }));
  EXPECT_EQ(stream.closed, CloseCode::kNormal);
  client.Leave();
  ASSERT_TRUE(Run([&] { return table_->count() == 0; }));
  server_->ReadOn();
  ASSERT_TRUE(Run([&] { return server_->finished_count == 1; }));
  EXPECT_EQ(server_->read_bytes, kSize);
  EXPECT_EQ(server_->reset_count, 0u);
}

TEST_F(SealedSessionTest, ABrokenLaneMayBeReplacedForAWhile) {
  Meet();
  relay_->CutLanes();
  RunFor(SealedSession::kLanelessMax - seconds(5));
  EXPECT_EQ(Over(), nullptr);
  OfferLane("2");
  LaneClient& client = Join("2");
  ASSERT_TRUE(Run([&] { return client.up(); }));
  EXPECT_TRUE(Echoes(client));
  RunFor(SealedSession::kLanelessMax + seconds(5));
  EXPECT_EQ(Over(), nullptr);
}

TEST_F(SealedSessionTest, ASessionWithoutALaneIsOverAfterAWhile) {
  Meet();
  relay_->CutLanes();
  const engine::Instant start = loop().Now();
  ASSERT_TRUE(Run([&] { return table_->count() == 0; }));
  EXPECT_GE(loop().Now() - start, SealedSession::kLanelessMax);
  EXPECT_LE(loop().Now() - start, SealedSession::kLanelessMax + seconds(2));
  ASSERT_NE(Over(), nullptr);
  EXPECT_THAT(Over()->reason, HasSubstr("lost"));
}

TEST_F(SealedSessionTest, ASessionToWhichNobodyComesIsOver) {
  Say(Offer("1"));
  ASSERT_TRUE(Run([&] { return table_->count() == 0; }));
  EXPECT_NE(Over(), nullptr);
}

// ------------------------------------------------------------ behind a TLS proxy

TEST_F(SealedSessionTest, WhereRawBytesDoNotPassTheNextLaneIsWrapped) {
  relay_->swallows = true;
  Say(Offer("1"));
  LaneClient& first = Join("1");
  ASSERT_TRUE(Run([&] { return first.over(); }));
  EXPECT_EQ(first.end->stage, Stage::kInner);
  OfferLane("2");
  LaneClient& second = Join("2", client_key_, ClientHello(), /*wrapped=*/true);
  ASSERT_TRUE(Run([&] { return second.up(); }));
  EXPECT_TRUE(Echoes(second));
  for (const engine::Join& join : relay_->joins) {
    EXPECT_EQ(join.is_wrapped, join.token.ends_with("-2")) << join.token;
  }
}

TEST_F(SealedSessionTest, OneWrappedLegAndOneRawOneMeet) {
  Say(Offer("1"));
  LaneClient& client = Join("1", client_key_, ClientHello(), /*wrapped=*/true);
  ASSERT_TRUE(Run([&] { return client.up(); }));
  EXPECT_TRUE(Echoes(client));
}

TEST_F(SealedSessionTest, WhereRawBytesHavePassedNoLaneIsWrapped) {
  Meet();
  OfferLane("2");
  LaneClient& stranger = Join("2", ClientKey(), ClientHello());
  ASSERT_TRUE(Run([&] { return stranger.over(); }));
  RunFor(seconds(1));
  OfferLane("3");
  LaneClient& third = Join("3");
  ASSERT_TRUE(Run([&] { return third.up(); }));
  for (const engine::Join& join : relay_->joins) EXPECT_FALSE(join.is_wrapped) << join.token;
}

// ----------------------------------------------------------- the end of a session

TEST_F(SealedSessionTest, AnIdleSessionIsEndedAndSaysWhyEverywhere) {
  engine::SessionOffer offer = Offer("1");
  offer.idle_seconds_max = 60;
  LaneClient& client = Meet(offer);
  OfferLane("2");
  LaneClient& second = Join("2");
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  // A byte now and then is enough ...
  for (int i = 0; i < 3; ++i) {
    RunFor(seconds(50));
    stream.Send("x");
  }
  ASSERT_TRUE(Run([&] { return stream.output == "xxx"; }));
  EXPECT_EQ(Over(), nullptr);
  // ... and pings, hellos and opens are none.
  const engine::Instant start = loop().Now();
  RunFor(seconds(30));
  client.Tcp(kTarget, kTargetPort);
  ASSERT_TRUE(Run([&] { return client.over() && second.over(); }));
  EXPECT_GE(loop().Now() - start, seconds(58));
  EXPECT_LE(loop().Now() - start, seconds(65));
  for (const LaneClient* each : {&client, &second}) {
    EXPECT_EQ(each->goaway, CloseCode::kSessionEnded);
    EXPECT_THAT(each->goaway_text, HasSubstr("60 seconds"));
  }
  EXPECT_EQ(stream.closed, CloseCode::kSessionEnded);
  ASSERT_NE(Over(), nullptr);
  EXPECT_EQ(Over()->reason, client.goaway_text);
}

TEST_F(SealedSessionTest, ASessionIsEndedAtItsMaximumDurationWhateverItDoes) {
  engine::SessionOffer offer = Offer("1");
  offer.seconds_max = 120;
  const engine::Instant start = loop().Now();
  LaneClient& client = Meet(offer);
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  for (int i = 0; i < 2; ++i) {
    RunFor(seconds(50));
    stream.Send("x");
  }
  EXPECT_EQ(Over(), nullptr);
  ASSERT_TRUE(Run([&] { return client.over(); }));
  EXPECT_GE(loop().Now() - start, seconds(120));
  EXPECT_EQ(client.goaway, CloseCode::kSessionEnded);
  EXPECT_EQ(client.goaway_text, "The session reached its maximum duration.");
  ASSERT_TRUE(Run([&] { return Over() != nullptr; }));
  EXPECT_EQ(Over()->reason, client.goaway_text);
}

TEST_F(SealedSessionTest, WithoutAMaximumASessionMayBeIdle) {
  LaneClient& client = Meet();
  RunFor(std::chrono::minutes(4));
  EXPECT_TRUE(Echoes(client));
}

TEST_F(SealedSessionTest, StopSaysWhyOnEveryLaneAndEndsWhatRuns) {
  LaneClient& client = Meet();
  OfferLane("2");
  LaneClient& second = Join("2");
  ASSERT_TRUE(Run([&] { return second.up(); }));
  PeerStream& stream = second.Tcp(kTarget, kTargetPort);
  ASSERT_TRUE(Run([&] { return stream.accepted; }));
  const engine::Instant start = loop().Now();
  Say(engine::SessionStop{kSession, "ended by\x1b[31m admin"});
  ASSERT_TRUE(Run([&] { return client.over() && second.over() && table_->count() == 0; }));
  EXPECT_LT(loop().Now() - start, seconds(1)) << "before the relay cuts the join";
  for (const LaneClient* each : {&client, &second}) {
    EXPECT_EQ(each->goaway, CloseCode::kSessionEnded);
    EXPECT_EQ(each->goaway_text, "ended by [31m admin");
  }
  EXPECT_EQ(stream.closed, CloseCode::kSessionEnded);
  EXPECT_EQ(News().back().outcome, "session-ended");
  EXPECT_NE(Over(), nullptr);
  EXPECT_TRUE(Run([&] { return targets_->count() == 0; }));
}

TEST_F(SealedSessionTest, TheNodesStopIsSaidInsideToo) {
  LaneClient& client = Meet();
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  ASSERT_TRUE(Run([&] { return stream.accepted; }));
  table_->EndAll(CloseCode::kShuttingDown, engine::kAgentStoppedText);
  ASSERT_TRUE(Run([&] { return client.over() && table_->count() == 0; }));
  EXPECT_EQ(client.goaway, CloseCode::kShuttingDown);
  EXPECT_EQ(stream.closed, CloseCode::kShuttingDown);
}

}  // namespace
}  // namespace agent
