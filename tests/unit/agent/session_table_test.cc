// Goal: what a relay says about sessions, however often and however wrong, leaves the node with a
// bounded number of them and a signature that is good for one client alone.
// Method: offers and stops by the thousand against the node's table, in virtual time.

#include "agent/session/session_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "agent/session/session_consent.h"
#include "engine/crypto/base64.h"
#include "engine/wire/session_binding.h"
#include "tests/unit/agent/sealed_fixture.h"

namespace agent {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

class SessionTableTest : public SealedFixture {
 protected:
  static bool IsSigned(const engine::SessionAnswer& answer, const std::string& client_key) {
    const std::string key = engine::crypto::DecodeBase64(answer.node_key).value_or("");
    const std::string signature = engine::crypto::DecodeBase64(answer.signature).value_or("");
    const std::string binding =
        engine::SessionBinding(answer.session_id, answer.session_key, client_key);
    return engine::crypto::VerifyIdentity(engine::AsBytes(key), engine::AsBytes(binding),
                                          engine::AsBytes(signature));
  }
};

TEST_F(SessionTableTest, TheConsentIsSignedByTheIdentityForThisClientAlone) {
  Say(Offer("1"));
  ASSERT_NE(Answer(), nullptr);
  const engine::SessionAnswer answer = *Answer();
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.node_key, engine::crypto::EncodeBase64(identity_.public_key()));
  EXPECT_TRUE(IsSigned(answer, client_key_.hex()));
  EXPECT_FALSE(IsSigned(answer, ClientKey().hex()));
  engine::SessionAnswer moved = answer;
  moved.session_id = "admin-2";
  EXPECT_FALSE(IsSigned(moved, client_key_.hex())) << "nor for another session";
}

TEST_F(SessionTableTest, EverySessionHasAKeyOfItsOwn) {
  Say(Offer("1", "a"));
  Say(Offer("2", "b"));
  EXPECT_NE(Answer("a")->session_key, Answer("b")->session_key);
  EXPECT_EQ(Answer("a")->node_key, Answer("b")->node_key);
}

TEST_F(SessionTableTest, ASessionThatIsThereIsNotOfferedAgain) {
  LaneClient& client = Meet();
  const std::string key = Answer()->session_key;
  engine::SessionOffer again = Offer("2");
  again.client_key = ClientKey().hex();
  Say(again);
  const auto* second = std::get_if<engine::SessionAnswer>(&Heard().back());
  ASSERT_NE(second, nullptr);
  EXPECT_THAT(second->error, HasSubstr("already"));
  EXPECT_EQ(table_->count(), 1u);
  PeerStream& stream = client.Tcp(kTarget, kTargetPort);
  stream.Send("word");
  EXPECT_TRUE(Run([&] { return stream.output == "word"; })) << "the first goes on";
}

TEST_F(SessionTableTest, BeyondTheMaximumAnOfferIsRefusedUntilOneEnds) {
  Make({.sessions_max = 2});
  Say(Offer("1", "a"));
  Say(Offer("2", "b"));
  Say(Offer("3", "c"));
  EXPECT_EQ(Answer("b")->error, "");
  EXPECT_THAT(Answer("c")->error, HasSubstr("as many sessions as it may"));
  EXPECT_EQ(table_->count(), 2u);
  Say(engine::SessionStop{"a", "enough"});
  ASSERT_TRUE(Run([&] { return table_->count() == 1; }));
  Say(Offer("4", "d"));
  EXPECT_EQ(Answer("d")->error, "");
}

TEST_F(SessionTableTest, AFloodOfOffersIsBoundedByTheWindowsAndPasses) {
  size_t consents = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = std::to_string(i);
    Say(Offer(name, name));
    consents += Answer(name)->error.empty() ? 1 : 0;
    driver_->RunOnce(seconds(0));
    table_->Sweep();
  }
  EXPECT_GT(consents, 50u);
  EXPECT_LT(consents, 100u);
  EXPECT_EQ(table_->count(), consents);
  ASSERT_TRUE(Run([&] { return table_->count() == 0; })) << "nobody came";
  Heard();
  heard_.clear();
  LaneClient& client = Meet(Offer("after", kSession));
  EXPECT_TRUE(client.up());
}

TEST_F(SessionTableTest, AFloodThatIsNotReadIsBounded) {
  for (size_t i = 0; i < 2 * RelayOutbox::kMessagesMax; ++i) {
    Say(Offer("1", "same"));
  }
  EXPECT_EQ(table_->outbox().size(), RelayOutbox::kMessagesMax);
  EXPECT_EQ(table_->count(), 1u);
}

TEST_F(SessionTableTest, AFloodOfConnectionsForALaneLeavesRoomForWhatEndsIt) {
  Meet();
  for (size_t i = 0; i < 2 * engine::LoopDriver::kLettersMax; ++i) {
    Say(engine::LaneOffer{kSession, "x", 0, 0});
  }
  Say(Offer("2", "b"));
  EXPECT_EQ(Answer("b")->error, "") << "nor for another session";
  Say(engine::SessionStop{kSession, "enough"});
  Say(engine::SessionStop{"b", "enough"});
  ASSERT_TRUE(Run([&] { return table_->count() == 0; }));
  EXPECT_EQ(Over()->reason, "enough");
}

TEST_F(SessionTableTest, LanesAndStopsOfUnknownSessionsAreIgnored) {
  OfferLane("1", "nobody");
  Say(engine::SessionStop{"nobody", "x"});
  Say(engine::Notice{"hello"});
  RunFor(seconds(1));
  EXPECT_TRUE(relay_->joins.empty());
  EXPECT_TRUE(Heard().empty());
}

TEST_F(SessionTableTest, AStopMayComeBeforeAnyLaneIsUpAndTwice) {
  Say(Offer("1"));
  Say(engine::SessionStop{kSession, ""});
  Say(engine::SessionStop{kSession, "again"});
  OfferLane("2");
  ASSERT_TRUE(Run([&] { return table_->count() == 0; }));
  ASSERT_NE(Over(), nullptr);
  EXPECT_EQ(Over()->reason, "the session was ended");
}

TEST_F(SessionTableTest, ALongReasonIsCutToWhatAMessageHolds) {
  Say(Offer("1"));
  Say(engine::SessionStop{kSession, std::string(8000, '\x01')});
  ASSERT_NE(Over(), nullptr);
  EXPECT_LT(Over()->reason.size(), engine::kCloseTextMax);
}

TEST_F(SessionTableTest, AnAgentThatStopsTakesNoOffer) {
  table_->EndAll(engine::CloseCode::kShuttingDown, "stop");
  Say(Offer("1"));
  EXPECT_THAT(Answer()->error, HasSubstr("stops"));
  EXPECT_EQ(table_->count(), 0u);
}

TEST_F(SessionTableTest, ClientAndNodeMeetWhateverTheNetworkDoesShortOfBreaking) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    engine::sim::Faults faults =
        seed % 2 == 0 ? engine::sim::Faults{} : engine::sim::Faults::SwarmThatLasts(seed);
    seed_ = seed;
    Make({.faults = faults});
    Meet();
  }
}

TEST(WindowBudgetTest, WhatIsKeptForLanesThatMayComeAgainHasAMaximum) {
  for (const WindowBudget::Kind kind :
       {WindowBudget::Kind::kForward, WindowBudget::Kind::kProgram}) {
    WindowBudget budget;
    std::vector<WindowBudget::Share> shares;
    uint64_t kept = 0;
    while (budget.HasShare()) {
      shares.push_back(budget.Take(kind));
      kept += shares.back().Options(1024, 1000).resume_bytes_max;
    }
    EXPECT_LE(kept, WindowBudget::kKeptSumMax);
  }
}

TEST(WindowBudgetTest, SharesShrinkAndComeBackAndEachIsOfUse) {
  WindowBudget budget;
  std::vector<WindowBudget::Share> shares;
  shares.reserve(1000);
  while (budget.HasShare()) {
    shares.push_back(budget.Take());
    const engine::MultiplexerOptions options = shares.back().Options(1024, 1000);
    EXPECT_GE(options.streams_max, 8u);
    EXPECT_LE(options.streams_max, 1024u);
    EXPECT_GE(options.window_bytes_sum_max, options.window_bytes_min);
  }
  EXPECT_EQ(shares.front().bytes(), WindowBudget::kSumMax / WindowBudget::kShareParts);
  EXPECT_LT(shares.back().bytes(), shares.front().bytes());
  EXPECT_GT(shares.size(), 64u);
  uint64_t sum = 0;
  for (const WindowBudget::Share& share : shares) sum += share.bytes();
  EXPECT_LE(sum, WindowBudget::kSumMax);
  shares.pop_back();
  EXPECT_TRUE(budget.HasShare());
  shares.clear();
}

}  // namespace
}  // namespace agent
