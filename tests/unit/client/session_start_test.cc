// Goal: whatever a relay answers, a sealed session is dialled only when the pinned node signed it
// for this client; otherwise there is a named error, and nothing to dial. Method: a relay that
// plays the node with real keys, and a lie of each kind.

#include "client/session_start.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/say.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/identity_key.h"
#include "engine/crypto/key.h"
#include "engine/wire/session_binding.h"
#include "tests/support/temporary_folder.h"

namespace client {
namespace {

using Json = nlohmann::json;
using engine::crypto::IdentityKey;

std::string Hash(const engine::crypto::PrivateKey& key) {
  return engine::ToHex(key.PublicFingerprint());
}

std::string Text64(engine::ByteView bytes) { return engine::crypto::EncodeBase64(bytes); }

class SessionStartTest : public testing::Test {
 protected:
  SessionStartTest()
      : known_nodes_(folder_ / "adit"),
        api_([this](engine::HttpRequest request) { return Answer(request); }, "relay:443",
             {.access_key_id = "AKIAEXAMPLE",
              .secret_access_key = "s",
              .session_token = "",
              .source = ""},
             [] { return int64_t{1'800'000'000}; }) {}

  // What an honest relay and node answer to one request.
  Json Honest(const Json& request, const IdentityKey& identity) {
    const std::string client_key = request["Adit"].value("ClientKey", "");
    const std::string session_key = Hash(session_key_);
    const std::string binding = engine::SessionBinding(session_id_, session_key, client_key);
    return {{"SessionId", session_id_},
            {"TokenValue", "unused"},
            {"Adit",
             {{"Loop", 1},
              {"Carriage", "sealed"},
              {"JoinToken", "join"},
              {"SessionKey", session_key},
              {"NodeKey", Text64(identity.public_key())},
              {"Signature", Text64(identity.Sign(engine::AsBytes(binding)))}}}};
  }

  absl::StatusOr<engine::HttpResponse> Answer(const engine::HttpRequest& request) {
    const std::string target(request.headers.Get("X-Amz-Target"));
    const Json body = Json::parse(request.body, nullptr, false);
    calls_.push_back(target.substr(target.find('.') + 1));
    requests_.push_back(body);
    engine::HttpResponse response;
    if (target == "AmazonSSM.StartSession") {
      Json answer = Honest(body, identity_);
      if (lie_) lie_(answer, body);
      response.status = answer.contains("__type") ? 400 : 200;
      response.body = answer.dump();
    }
    return response;
  }

  absl::StatusOr<SecuredSession> Start(CarriageChoice choice = CarriageChoice::kSealed) {
    SessionWish wish;
    return SessionStart(
               api_, known_nodes_, [this](const std::string& text) { told_.push_back(text); },
               1'800'000'000)
        .Run(node_, wish, choice);
  }

  absl::StatusOr<SecuredSession> StartNamed(std::string_view named,
                                            CarriageChoice choice = CarriageChoice::kSealed) {
    return SessionStart(
               api_, known_nodes_, [this](const std::string& text) { told_.push_back(text); },
               1'800'000'000)
        .RunNamed(named, {}, choice);
  }

  // A lie ends in an error whose text has `part`, after one call and without a word of trust.
  void ExpectRefused(std::string_view part) {
    told_.clear();
    calls_.clear();
    const auto session = Start();
    ASSERT_FALSE(session.ok());
    EXPECT_NE(TextOf(session.status()).find(part), std::string::npos) << TextOf(session.status());
    EXPECT_TRUE(told_.empty());
    EXPECT_EQ(calls_, std::vector<std::string>{"StartSession"});
  }

  TemporaryFolder folder_;
  KnownNodes::Node node_{.id = "mi-0123456789abcdef0", .name = "web-1", .named_by_id = false};
  std::string session_id_ = "alice-1";
  IdentityKey identity_ = IdentityKey::Generate();
  engine::crypto::PrivateKey session_key_ = engine::crypto::PrivateKey::Generate();
  std::function<void(Json& answer, const Json& request)> lie_;
  std::vector<std::string> calls_;
  std::vector<Json> requests_;
  std::vector<std::string> told_;
  KnownNodes known_nodes_;
  ApiClient api_;
};

TEST_F(SessionStartTest, AnHonestAnswerIsReadyToDialAndSaidAloudOnce) {
  const auto first = Start();
  ASSERT_TRUE(first.ok()) << TextOf(first.status());
  EXPECT_EQ(first->id, "alice-1");
  EXPECT_EQ(first->ticket.token, "join");
  EXPECT_EQ(first->ticket.loop, 1u);
  EXPECT_NE(first->node_context, nullptr);
  ASSERT_EQ(told_.size(), 1u);
  const std::string fingerprint = engine::crypto::IdentityFingerprint(identity_.public_key());
  EXPECT_NE(told_[0].find("first contact with web-1 (mi-0123456789abcdef0)"), std::string::npos);
  EXPECT_NE(told_[0].find(fingerprint), std::string::npos) << told_[0];
  EXPECT_NE(told_[0].find("adit-agent fingerprint"), std::string::npos) << told_[0];
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(told_.size(), 1u);
  EXPECT_NE(requests_[0]["Adit"]["ClientKey"], requests_[1]["Adit"]["ClientKey"])
      << "each session has a key of its own";
}

TEST_F(SessionStartTest, ANodeThatIsNamedInFullTakesOneCallAndIsTheOneThatWasNamed) {
  lie_ = [](Json& answer, const Json&) {
    answer["Adit"]["NodeId"] = "mi-0123456789abcdef0";
    answer["Adit"]["NodeName"] = "web-1";
  };
  const auto session = StartNamed("web-1");
  ASSERT_TRUE(session.ok()) << TextOf(session.status());
  EXPECT_EQ(session->node.id, "mi-0123456789abcdef0");
  EXPECT_EQ(session->node.name, "web-1");
  EXPECT_EQ(requests_[0]["Target"], "web-1");
  EXPECT_EQ(calls_, std::vector<std::string>{"StartSession"});
  ASSERT_TRUE(StartNamed("mi-0123456789abcdef0").ok());

  const auto other = StartNamed("web-2");
  ASSERT_FALSE(other.ok());
  EXPECT_NE(TextOf(other.status()).find("where web-2 was asked for"), std::string::npos);
  EXPECT_FALSE(SessionStart::NeedsNode(other.status(), "web-2"));
}

TEST_F(SessionStartTest, WhatTheRelayDoesNotFindByItsNameIsLookedFor) {
  lie_ = [](Json& answer, const Json&) {
    answer = {{"__type", "TargetNotConnected"}, {"message", "web is not connected."}};
  };
  const auto session = StartNamed("web");
  ASSERT_FALSE(session.ok());
  EXPECT_TRUE(SessionStart::NeedsNode(session.status(), "web"));
}

TEST_F(SessionStartTest, ADeniedWordIsLookedForAndADeniedNodeIsNot) {
  const auto needs_node = [this](const char* denied) {
    lie_ = [denied](Json& answer, const Json&) {
      answer = {{"__type", "AccessDeniedException"},
                {"message", std::string("not authorized on resource: ") + denied + " because no"}};
    };
    return SessionStart::NeedsNode(StartNamed("web").status(), "web");
  };
  EXPECT_TRUE(needs_node("arn:aws:ssm:adit:0:managed-instance/web"));
  EXPECT_FALSE(needs_node("arn:aws:ssm:adit:0:managed-instance/mi-0123456789abcdef0"));
  EXPECT_FALSE(needs_node("arn:aws:ssm:adit:0:document/SSM-SessionManagerRunShell"));
}

TEST_F(SessionStartTest, AnAlteredSessionKeyIsNotSigned) {
  ASSERT_TRUE(Start().ok());
  lie_ = [](Json& answer, const Json&) {
    answer["Adit"]["SessionKey"] = Hash(engine::crypto::PrivateKey::Generate());
  };
  ExpectRefused("is not signed by web-1's key for this session");
}

TEST_F(SessionStartTest, AWrongSignatureIsNotSigned) {
  ASSERT_TRUE(Start().ok());
  lie_ = [](Json& answer, const Json&) {
    std::string bytes =
        *engine::crypto::DecodeBase64(answer["Adit"]["Signature"].get<std::string>());
    bytes[20] = static_cast<char>(bytes[20] ^ 1);
    answer["Adit"]["Signature"] = Text64(engine::AsBytes(bytes));
  };
  ExpectRefused("is not signed");
}

TEST_F(SessionStartTest, ASignatureForAnotherClientKeyOrSessionIsNotSigned) {
  ASSERT_TRUE(Start().ok());
  const Json replayed = Honest(requests_[0], identity_)["Adit"];
  lie_ = [&](Json& answer, const Json&) { answer["Adit"] = replayed; };
  ExpectRefused("is not signed");
  lie_ = [&](Json& answer, const Json&) { answer["SessionId"] = "alice-2"; };
  ExpectRefused("is not signed");
}

TEST_F(SessionStartTest, AnotherIdentityThanThePinnedOneIsRefusedWithBothKeys) {
  ASSERT_TRUE(Start().ok());
  const IdentityKey other = IdentityKey::Generate();
  lie_ = [&](Json& answer, const Json& request) { answer = Honest(request, other); };
  ExpectRefused("shows another key than before; nothing was sent to it");
  const std::string text = TextOf(Start().status());
  for (const auto& key : {identity_.public_key(), other.public_key()}) {
    EXPECT_NE(text.find(engine::crypto::IdentityFingerprint(key)), std::string::npos) << text;
  }
  EXPECT_NE(text.find("adit forget mi-0123456789abcdef0"), std::string::npos) << text;
  ASSERT_TRUE(known_nodes_.Forget("web-1").ok());
  EXPECT_TRUE(Start().ok()) << "as the text said";
}

TEST_F(SessionStartTest, APinnedNodesIdentityOverAnothersSignatureIsNotSigned) {
  ASSERT_TRUE(Start().ok());
  const IdentityKey other = IdentityKey::Generate();
  lie_ = [&](Json& answer, const Json& request) {
    answer = Honest(request, other);
    answer["Adit"]["NodeKey"] = Text64(identity_.public_key());
  };
  ExpectRefused("is not signed");
}

TEST_F(SessionStartTest, APinnedNameOfAnotherNodeIsRefused) {
  ASSERT_TRUE(Start().ok());
  node_.id = "mi-eeeeeeeeeeeeeeeee";
  const IdentityKey other = IdentityKey::Generate();
  lie_ = [&](Json& answer, const Json& request) { answer = Honest(request, other); };
  ExpectRefused("the name web-1 belonged to another node so far");
}

TEST_F(SessionStartTest, WhatIsNoKeyOrSignatureCannotBeRead) {
  for (const char* member : {"SessionKey", "NodeKey", "Signature"}) {
    for (const Json& value :
         {Json(nullptr), Json(""), Json("AAAA"), Json(std::string(64, 'A')),
          Json(std::string(64, 'g')), Json(7), Json(std::string(70'000, 'a'))}) {
      lie_ = [&](Json& answer, const Json&) { answer["Adit"][member] = value; };
      ExpectRefused("cannot be read");
    }
  }
  lie_ = [](Json& answer, const Json&) { answer["SessionId"] = std::string(70'000, 's'); };
  ExpectRefused("cannot be read");
  EXPECT_FALSE(std::filesystem::exists(known_nodes_.path())) << "nothing of that was trusted";
}

TEST_F(SessionStartTest, WhereTheNodeCannotTheUserDecides) {
  lie_ = [&](Json& answer, const Json& request) {
    answer = {{"SessionId", "s"}, {"TokenValue", "t"}, {"Adit", {{"Loop", 0}}}};
    if (request["Adit"].contains("Carriage")) {
      answer = {{"__type", "SealedNotSupported"}, {"message", "The agent is too old."}};
    }
  };
  ExpectRefused("no sealed session on web-1");
  const auto session = Start(CarriageChoice::kSealedIfPossible);
  ASSERT_TRUE(session.ok()) << TextOf(session.status());
  EXPECT_EQ(session->node_context, nullptr);
  EXPECT_EQ(session->id, "s");
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_NE(told_[0].find("The agent is too old."), std::string::npos) << told_[0];
  EXPECT_EQ(told_[0].find('\n'), std::string::npos) << "one line";
}

TEST_F(SessionStartTest, AnOlderRelaysInspectedSessionIsUsedWithANoticeOrEnded) {
  lie_ = [](Json& answer, const Json&) {
    answer = {{"SessionId", "s"},
              {"TokenValue", "t"},
              {"Adit", {{"Loop", 2}, {"Carriage", "inspected"}}}};
  };
  const auto session = Start(CarriageChoice::kSealedIfPossible);
  ASSERT_TRUE(session.ok()) << TextOf(session.status());
  EXPECT_EQ(session->node_context, nullptr);
  EXPECT_EQ(session->ticket.token, "t");
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].find('\n'), std::string::npos) << "one line";
  EXPECT_NE(told_[0].find("the relay can read what passes"), std::string::npos) << told_[0];
  EXPECT_EQ(calls_, std::vector<std::string>{"StartSession"}) << "the session is used as it is";

  calls_.clear();
  const auto insisted = Start(CarriageChoice::kSealed);
  ASSERT_FALSE(insisted.ok());
  EXPECT_NE(TextOf(insisted.status()).find("leave out --sealed"), std::string::npos);
  EXPECT_EQ(calls_, (std::vector<std::string>{"StartSession", "TerminateSession"}));
}

TEST_F(SessionStartTest, ANodeThatWasMetSealedIsNotGivenUp) {
  ASSERT_TRUE(Start(CarriageChoice::kSealedIfPossible).ok());
  const auto refused = [&](const char* how) {
    SCOPED_TRACE(how);
    told_.clear();
    calls_.clear();
    const auto session = Start(CarriageChoice::kSealedIfPossible);
    ASSERT_FALSE(session.ok());
    EXPECT_NE(TextOf(session.status()).find("--inspected goes on"), std::string::npos)
        << TextOf(session.status());
    EXPECT_TRUE(told_.empty());
  };
  lie_ = [](Json& answer, const Json&) {
    answer = {{"__type", "SealedNotSupported"}, {"message", "The agent is too old."}};
  };
  refused("the relay says that it cannot be");
  EXPECT_EQ(calls_, std::vector<std::string>{"StartSession"});
  lie_ = [](Json& answer, const Json&) {
    answer = {{"SessionId", "s"}, {"TokenValue", "t"}, {"Adit", {{"Loop", 2}}}};
  };
  refused("the relay starts an inspected one");
  EXPECT_EQ(calls_, (std::vector<std::string>{"StartSession", "TerminateSession"}));
  node_.id = "mi-0fedcba9876543210";
  refused("the name is said to be another node's");
}

TEST_F(SessionStartTest, WhatIsLeftToTheDocumentIsSealedOrInspectedByOneCall) {
  const auto sealed = Start(CarriageChoice::kAsDocumented);
  ASSERT_TRUE(sealed.ok()) << TextOf(sealed.status());
  EXPECT_NE(sealed->node_context, nullptr);
  EXPECT_EQ(requests_[0]["Adit"]["Carriage"], "inspected");
  EXPECT_EQ(requests_[0]["Adit"]["ClientKey"].get<std::string>().size(), 64u);
  ASSERT_EQ(told_.size(), 1u) << "the first contact";
  told_.clear();
  calls_.clear();
  lie_ = [](Json& answer, const Json&) {
    answer = {{"SessionId", "s"},
              {"TokenValue", "t"},
              {"Adit", {{"Loop", 2}, {"Carriage", "inspected"}}}};
  };
  const auto inspected = Start(CarriageChoice::kAsDocumented);
  ASSERT_TRUE(inspected.ok()) << TextOf(inspected.status());
  EXPECT_EQ(inspected->node_context, nullptr);
  EXPECT_EQ(inspected->ticket.token, "t");
  EXPECT_TRUE(told_.empty()) << "as the user may expect";
  lie_ = [](Json& answer, const Json&) {
    answer = {{"__type", "SealedNotSupported"}, {"message", "It needs one: update the agent."}};
  };
  const auto neither = Start(CarriageChoice::kAsDocumented);
  EXPECT_TRUE(TextOf(neither.status()).ends_with("It needs one: update the agent."));
  EXPECT_EQ(calls_, (std::vector<std::string>{"StartSession", "StartSession"}))
      << "what cannot be sealed is not asked for again";
}

TEST_F(SessionStartTest, WhatIsLeftToTheDocumentAndSealedIsProvedLikeAnyOther) {
  ASSERT_TRUE(Start(CarriageChoice::kAsDocumented).ok());
  const IdentityKey other = IdentityKey::Generate();
  lie_ = [&](Json& answer, const Json& request) { answer = Honest(request, other); };
  EXPECT_FALSE(Start(CarriageChoice::kAsDocumented).ok());
  // Without a word on which node that is.
  EXPECT_FALSE(StartNamed("web-1", CarriageChoice::kAsDocumented).ok());
  lie_ = [&](Json& answer, const Json&) {
    answer["Adit"]["SessionKey"] = Hash(engine::crypto::PrivateKey::Generate());
  };
  EXPECT_FALSE(Start(CarriageChoice::kAsDocumented).ok());
  EXPECT_FALSE(StartNamed("web-1", CarriageChoice::kAsDocumented).ok());
}

TEST_F(SessionStartTest, AnAnswerDoesNotChangeWhatTheUserInsistsOn) {
  EXPECT_FALSE(Start(CarriageChoice::kInspected).ok()) << "sealed, without a key of ours";
  EXPECT_FALSE(requests_[0]["Adit"].contains("ClientKey"));
  lie_ = [](Json& answer, const Json&) {
    answer = {
        {"SessionId", "s"},
        {"TokenValue", "t"},
        {"Adit",
         {{"Loop", 2}, {"Carriage", "inspected"}, {"NodeId", "mi-0"}, {"NodeName", "web-1"}}}};
  };
  EXPECT_FALSE(Start(CarriageChoice::kSealed).ok());
  EXPECT_FALSE(StartNamed("web-1", CarriageChoice::kSealed).ok());
  const auto named = StartNamed("web-1", CarriageChoice::kAsDocumented);
  ASSERT_TRUE(named.ok()) << TextOf(named.status());
  EXPECT_EQ(named->node_context, nullptr);
}

TEST_F(SessionStartTest, AnInspectedSessionAsksForNothingAndMeetsNobody) {
  lie_ = [](Json& answer, const Json&) {
    answer = {{"SessionId", "s"}, {"TokenValue", "t"}, {"Adit", {{"Loop", 2}}}};
  };
  const auto session = Start(CarriageChoice::kInspected);
  ASSERT_TRUE(session.ok()) << TextOf(session.status());
  EXPECT_EQ(session->node_context, nullptr);
  EXPECT_FALSE(requests_[0]["Adit"].contains("Carriage"));
  EXPECT_FALSE(std::filesystem::exists(known_nodes_.path()));
}

}  // namespace
}  // namespace client
