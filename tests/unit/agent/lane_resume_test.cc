// Goal: a lane at the node outlives its connections, for its own client and for nobody else.
// Method: the node's tables, a relay that only joins and a client on one simulated loop; the client
// comes again with proofs of its own, of others, and of before.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/net/resume_proof.h"
#include "tests/unit/agent/sealed_fixture.h"

namespace agent {
namespace {

using engine::CloseCode;
using engine::ResumeSide;
using std::chrono::seconds;
using ::testing::HasSubstr;

class LaneResumeTest : public SealedFixture {
 protected:
  // Meet is that of the fixture, of a client that can resume.
  LaneClient& MeetResuming(const engine::SessionOffer& offer) {
    Say(offer);
    engine::Hello hello = ClientHello();
    hello.features = {"resume"};
    LaneClient& client = Join(offer.join_token.substr(2), client_key_, hello);
    EXPECT_TRUE(Run([&] { return client.up(); }));
    EXPECT_EQ(client.answer->features, std::vector<std::string>{"resume"});
    return client;
  }
  LaneClient& MeetResuming() { return MeetResuming(Offer("1")); }

  void Lose(LaneClient& client) {
    relay_->CutLanes();
    ASSERT_TRUE(Run([&] { return client.suspended(); }));
  }
  // Comes again; true when the node lets it go on.
  bool Returns(LaneClient& client, const std::string& token, uint64_t epoch,
               LaneClient::Lie lie = {}) {
    relay_->Expect("n-" + token, "c-" + token);
    Say(engine::LaneOffer{kSession, "n-" + token, 0, client.answer->lane});
    const int before = client.resumed;
    client.Return("c-" + token, epoch, std::move(lie));
    EXPECT_TRUE(Run([&] { return client.resumed > before || client.suspended(); }));
    return client.resumed > before;
  }
  // Lost is the tokens of the connections that the relay was told are lost.
  std::vector<std::string> Lost() {
    std::vector<std::string> tokens;
    for (const engine::ControlMessage& message : Heard()) {
      const auto* lost = std::get_if<engine::LanesLost>(&message);
      if (lost == nullptr) continue;
      EXPECT_EQ(lost->session_id, kSession);
      tokens.push_back(lost->join_token);
    }
    return tokens;
  }
  std::string RefusalOf(LaneClient& client, const std::string& token, uint64_t epoch,
                        LaneClient::Lie lie = {}) {
    EXPECT_FALSE(Returns(client, token, epoch, std::move(lie)));
    return client.goaway.has_value() ? client.goaway_text : "none";
  }
};

TEST_F(LaneResumeTest, StreamsGoOnOverAnotherConnection) {
  LaneClient& client = MeetResuming();
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("one ");
  ASSERT_TRUE(Run([&] { return stream.output == "one "; }));
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    stream.Send("lost? ");
    Lose(client);
    stream.Send("and more ");
    RunFor(seconds(60));
    EXPECT_FALSE(stream.over());
    ASSERT_TRUE(Returns(client, "again" + std::to_string(epoch), epoch));
  }
  stream.Send("", true);
  ASSERT_TRUE(Run([&] { return stream.over(); }));
  EXPECT_EQ(stream.closed, CloseCode::kNormal);
  EXPECT_EQ(stream.output, "one lost? and more lost? and more lost? and more ");
  EXPECT_EQ(Over(), nullptr);
  client.Leave();
  ASSERT_TRUE(Run([&] { return Over() != nullptr; }));
}

TEST_F(LaneResumeTest, AConnectionThatTheNodeStillHoldsIsDropped) {
  LaneClient& client = MeetResuming();
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("one ");
  ASSERT_TRUE(Run([&] { return stream.output == "one "; }));
  client.Cut();  // The node does not know yet when the client comes again.
  ASSERT_TRUE(Run([&] { return client.suspended(); }));
  stream.Send("two");
  ASSERT_TRUE(Returns(client, "2", 1));
  ASSERT_TRUE(Run([&] { return stream.output == "one two"; }));
}

TEST_F(LaneResumeTest, AProofOfAnotherSideLaneEpochOrPlaceIsRefused) {
  LaneClient& client = MeetResuming();
  Lose(client);
  const auto proof_of = [&](ResumeSide side, uint32_t lane, uint64_t epoch, uint64_t position) {
    return [&client, side, lane, epoch, position](engine::Resume& resume,
                                                  engine::TlsChannel& channel) {
      resume.proof = engine::ResumeProof(client.secret(),
                                         {.side = side,
                                          .lane = resume.lane + lane,
                                          .epoch = resume.epoch + epoch,
                                          .position = resume.position + position},
                                         channel);
    };
  };
  constexpr char kNotIt[] = "not the client of the lane";
  EXPECT_THAT(RefusalOf(client, "a", 1, proof_of(ResumeSide::kNode, 0, 0, 0)), HasSubstr(kNotIt));
  EXPECT_THAT(RefusalOf(client, "b", 1, proof_of(ResumeSide::kClient, 1, 0, 0)), HasSubstr(kNotIt));
  EXPECT_THAT(RefusalOf(client, "c", 1, proof_of(ResumeSide::kClient, 0, 1, 0)), HasSubstr(kNotIt));
  EXPECT_THAT(RefusalOf(client, "d", 1, proof_of(ResumeSide::kClient, 0, 0, 1)), HasSubstr(kNotIt));
  EXPECT_THAT(
      RefusalOf(client, "e", 1,
                [](engine::Resume& resume, engine::TlsChannel&) { resume.session_id = "another"; }),
      HasSubstr(kNotIt));
  // A position that is proved and cannot be.
  EXPECT_THAT(RefusalOf(client, "f", 1,
                        [&](engine::Resume& resume, engine::TlsChannel& channel) {
                          resume.position += 1'000'000;
                          proof_of(ResumeSide::kClient, 0, 0, 0)(resume, channel);
                        }),
              HasSubstr("cannot be at"));
  EXPECT_TRUE(Returns(client, "g", 2));
}

TEST_F(LaneResumeTest, WhatWasSaidOnAnEarlierConnectionIsRefused) {
  LaneClient& client = MeetResuming();
  Lose(client);
  engine::Resume said;
  ASSERT_TRUE(
      Returns(client, "a", 1, [&](engine::Resume& resume, engine::TlsChannel&) { said = resume; }));
  Lose(client);
  EXPECT_THAT(RefusalOf(client, "b", 1,
                        [&](engine::Resume& resume, engine::TlsChannel&) { resume = said; }),
              HasSubstr("not the client of the lane"));
  EXPECT_THAT(RefusalOf(client, "c", 1), HasSubstr("went on without"));
  EXPECT_TRUE(Returns(client, "d", 2));
}

TEST_F(LaneResumeTest, AnInspectedLaneGoesOnUntilItsClientSaysGoodbye) {
  engine::SessionOffer offer = Offer("1");
  offer.client_key.clear();
  offer.resume_secret = std::string(64, 'b');
  Say(offer);
  ASSERT_NE(Answer(), nullptr);
  EXPECT_EQ(Answer()->error, "");
  EXPECT_EQ(Answer()->session_key, "") << "there are no keys";
  engine::Hello hello = ClientHello();
  hello.features = {"resume"};
  engine::ResumeSecret secret;
  ASSERT_TRUE(engine::FromHex(offer.resume_secret, secret));
  LaneClient& client = JoinInspected("1", hello, secret);
  ASSERT_TRUE(Run([&] { return client.up(); }));
  for (const engine::Join& join : relay_->joins) EXPECT_TRUE(join.is_wrapped);
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("one ");
  ASSERT_TRUE(Run([&] { return stream.output == "one "; }));

  Lose(client);
  stream.Send("two ");
  ASSERT_TRUE(Returns(client, "2", 1));
  ASSERT_TRUE(Run([&] { return stream.output == "one two "; }));

  client.Cut();  // To the node the relay closes its TLS in good order.
  ASSERT_TRUE(Run([&] { return client.suspended(); }));
  RunFor(seconds(30));
  EXPECT_EQ(Over(), nullptr);
  stream.Send("three");
  ASSERT_TRUE(Returns(client, "3", 2));
  ASSERT_TRUE(Run([&] { return stream.output == "one two three"; }));

  Lose(client);
  client.UseSecret({});
  EXPECT_THAT(RefusalOf(client, "4", 3), HasSubstr("not the client of the lane"));
  client.UseSecret(secret);
  ASSERT_TRUE(Returns(client, "5", 4));
  client.Leave();
  ASSERT_TRUE(Run([&] { return Over() != nullptr; }));
}

TEST_F(LaneResumeTest, WhoeverHasBeenAwayLongestMakesRoomForTheNext) {
  Make({.sessions_max = 3});
  LaneClient& first = MeetResuming(Offer("1"));
  Lose(first);
  RunFor(seconds(10));
  LaneClient& second = Meet(Offer("2", "b"));
  RunFor(seconds(45));
  Say(Offer("3", "c"));
  EXPECT_EQ(Answer("c")->error, "");
  EXPECT_EQ(Over(), nullptr) << "its client may be back in a moment";
  RunFor(seconds(10));
  Say(Offer("4", "d"));
  EXPECT_NE(Answer("d")->error, "") << "there is no room yet";
  ASSERT_NE(Over(), nullptr);
  EXPECT_THAT(Over()->reason, HasSubstr("away"));
  ASSERT_TRUE(Run([&] { return table_->count() == 2; }));
  Say(Offer("5", "e"));
  EXPECT_EQ(Answer("e")->error, "");
  EXPECT_TRUE(second.up());
  EXPECT_EQ(Over("b"), nullptr) << "whose client is here";
}

TEST_F(LaneResumeTest, AsLongAsSomebodyIsAwayOnePlaceIsKeptFree) {
  Make({.sessions_max = 2});
  LaneClient& first = MeetResuming(Offer("1"));
  Lose(first);
  RunFor(seconds(70));
  Say(Offer("2", "b"));
  EXPECT_EQ(Answer("b")->error, "");
  ASSERT_NE(Over(), nullptr);
  ASSERT_TRUE(Run([&] { return table_->count() == 1; }));
  Say(Offer("3", "c"));
  EXPECT_EQ(Answer("c")->error, "");
}

TEST_F(LaneResumeTest, WhenTheNetworkHasChangedAClientThatAnswersIsKept) {
  LaneClient& client = MeetResuming();
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("one ");
  ASSERT_TRUE(Run([&] { return stream.output == "one "; }));
  driver_->network().Tell(true);
  RunFor(seconds(3));
  EXPECT_FALSE(client.suspended());
  Lose(client);
  driver_->network().Tell(true);
  ASSERT_TRUE(Returns(client, "2", 1));
  EXPECT_TRUE(Lost().empty()) << "the relay had cut it, and knows";
}

TEST_F(LaneResumeTest, AConnectionWithoutAnAddressOrAWayIsLeftAndNamed) {
  LaneClient& client = MeetResuming();
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  uint64_t epoch = 0;
  std::string said;
  std::vector<std::string> tokens = {"n-1"};
  for (const engine::Footing footing : {engine::Footing::kGone, engine::Footing::kStuck}) {
    stream.Send("word ");
    said += "word ";
    ASSERT_TRUE(Run([&] { return stream.output == said; }));
    driver_->network().AskInstead([footing](engine::Socket) { return footing; });
    driver_->network().Tell(false);
    driver_->network().AskInstead(nullptr);
    EXPECT_EQ(Lost(), tokens);
    ASSERT_TRUE(Run([&] { return client.suspended(); }));
    tokens.push_back("n-again" + std::to_string(++epoch));
    ASSERT_TRUE(Returns(client, "again" + std::to_string(epoch), epoch));
  }
  stream.Send("end");
  ASSERT_TRUE(Run([&] { return stream.output == said + "end"; }));
}

TEST_F(LaneResumeTest, OneThatComesAgainIsLeftWhenItsAddressIsGoneAndNotWhenItIsSlow) {
  LaneClient& client = MeetResuming();
  Lose(client);
  relay_->Expect("n-2", "c-2");
  Say(engine::LaneOffer{kSession, "n-2", 0, client.answer->lane});
  RunFor(std::chrono::milliseconds(100));
  driver_->network().AskInstead([](engine::Socket) { return engine::Footing::kStuck; });
  driver_->network().Tell(false);
  EXPECT_TRUE(Lost().empty());
  driver_->network().AskInstead([](engine::Socket) { return engine::Footing::kGone; });
  driver_->network().Tell(false);
  driver_->network().Tell(false);
  driver_->network().AskInstead(nullptr);
  EXPECT_EQ(Lost(), std::vector<std::string>{"n-2"});
  EXPECT_TRUE(Returns(client, "3", 1));
}

TEST_F(LaneResumeTest, AClientThatIsWhereItCannotBeIsAwayFromThenOn) {
  Make({.sessions_max = 2});
  LaneClient& client = MeetResuming();
  client.Cut();  // The node does not know yet when the client comes again, and drops what it holds.
  ASSERT_TRUE(Run([&] { return client.suspended(); }));
  EXPECT_THAT(RefusalOf(client, "2", 1,
                        [&](engine::Resume& resume, engine::TlsChannel& channel) {
                          resume.position += 1'000'000;
                          resume.proof = engine::ResumeProof(client.secret(),
                                                             {.side = ResumeSide::kClient,
                                                              .lane = resume.lane,
                                                              .epoch = resume.epoch,
                                                              .position = resume.position},
                                                             channel);
                        }),
              HasSubstr("cannot be at"));
  RunFor(SessionTable::kAwayMin + seconds(1));
  Say(Offer("other", "admin-2"));  // It takes the last room.
  ASSERT_TRUE(Run([&] { return Over() != nullptr; }));
  EXPECT_THAT(Over()->reason, HasSubstr("needed the room"));
}

TEST_F(LaneResumeTest, OfASessionThatTheRelayAsksForOnlyTheAbsenceIsSaid) {
  LaneClient& client = MeetResuming();
  Say(engine::SessionCheck{kSession});
  Lose(client);
  Say(engine::SessionCheck{kSession});
  EXPECT_EQ(Over(), nullptr);
  Say(engine::SessionCheck{"nobody"});
  ASSERT_NE(Over("nobody"), nullptr);
  EXPECT_THAT(Over("nobody")->reason, HasSubstr("no such session"));
}

TEST_F(LaneResumeTest, TheEndSaysWhatPassedOverAllConnections) {
  LaneClient& client = MeetResuming();
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("one ");
  ASSERT_TRUE(Run([&] { return stream.output == "one "; }));
  Lose(client);
  ASSERT_TRUE(Returns(client, "2", 1));
  stream.Send("two");
  ASSERT_TRUE(Run([&] { return stream.output == "one two"; }));
  client.Leave();
  ASSERT_TRUE(Run([&] { return Over() != nullptr; }));
  EXPECT_EQ(Over()->to_node_bytes, 7u);
  EXPECT_EQ(Over()->from_node_bytes, 7u);
}

TEST_F(LaneResumeTest, MoreConnectionsThanMayComeEndTheOldestOnes) {
  LaneClient& client = MeetResuming();
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("one ");
  ASSERT_TRUE(Run([&] { return stream.output == "one "; }));
  Lose(client);
  // None of these is met by a client, and all come in one iteration.
  for (int i = 0; i < 20; ++i) {
    const std::string token = "x" + std::to_string(i);
    relay_->Expect("n-" + token, "c-" + token);
    Say(engine::LaneOffer{kSession, "n-" + token, 0, client.answer->lane});
  }
  ASSERT_TRUE(Returns(client, "last", 1));
  stream.Send("two");
  ASSERT_TRUE(Run([&] { return stream.output == "one two"; }));
}

TEST_F(LaneResumeTest, ASessionThatIsUnknownIsSaidToBeOver) {
  Say(engine::LaneOffer{"nobody-1", "n-x", 0, 0});
  ASSERT_NE(Over("nobody-1"), nullptr);
  EXPECT_THAT(Over("nobody-1")->reason, HasSubstr("no such session"));
  Say(engine::LaneOffer{"nobody-2", "n-x", 0});
  EXPECT_EQ(Over("nobody-2"), nullptr);
}

TEST_F(LaneResumeTest, ALaneThatWaitsEndsWithItsSession) {
  engine::SessionOffer offer = Offer("1");
  offer.idle_seconds_max = 600;
  LaneClient& client = MeetResuming(offer);
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("word");
  ASSERT_TRUE(Run([&] { return stream.output == "word"; }));
  Lose(client);
  RunFor(seconds(590));
  EXPECT_EQ(Over(), nullptr);
  RunFor(seconds(20));
  ASSERT_NE(Over(), nullptr);
  ASSERT_TRUE(Run([&] { return table_->count() == 0 && targets_->count() == 0; }));
}

TEST_F(LaneResumeTest, AGoodbyeOnOneLaneIsMeantForOneThatHasNoConnection) {
  LaneClient& first = MeetResuming();
  Say(engine::LaneOffer{kSession, "n-2", 0, std::nullopt});
  relay_->Expect("n-2", "c-2");
  engine::Hello hello = ClientHello();
  hello.features = {"resume"};
  LaneClient& second = Join("2", client_key_, hello);
  ASSERT_TRUE(Run([&] { return second.up(); }));
  first.Cut();
  ASSERT_TRUE(Run([&] { return first.suspended(); }));
  RunFor(seconds(60));
  EXPECT_EQ(Over(), nullptr) << "its client may come again";
  second.Leave();
  ASSERT_TRUE(Run([&] { return Over() != nullptr; }));
  ASSERT_TRUE(Run([&] { return table_->count() == 0 && targets_->count() == 0; }));
}

TEST_F(LaneResumeTest, AClientThatDoesNotResumeLosesItsLaneAsBefore) {
  LaneClient& client = Meet();
  EXPECT_TRUE(client.answer->features.empty());
  relay_->CutLanes();
  ASSERT_TRUE(Run([&] { return client.over() && Over() != nullptr; }));
}

}  // namespace
}  // namespace agent
