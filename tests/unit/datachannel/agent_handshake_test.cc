// Goal: a handshake with the real programs comes out right, with their quirks, and a hostile one
// stays small.
// Method: texts as they were seen on the wire, read and written; then broken ones.

#include "engine/datachannel/agent_handshake.h"

#include <gtest/gtest.h>

#include <string>

namespace engine::datachannel {
namespace {

constexpr std::string_view kSeenRequest =
    R"({"AgentVersion":"3.3.0.0","RequestedClientActions":[)"
    R"({"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":)"
    R"({"portNumber":"80","localPortNumber":"8080","type":"LocalPortForwarding"}}},)"
    R"({"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"arn:aws:kms:x",)"
    R"("Challenge":"AAAA"}}]})";

TEST(HandshakeRequest, IsReadAndWrittenAsSeen) {
  HandshakeRequest request;
  ASSERT_TRUE(Decode(AsBytes(kSeenRequest), request));
  EXPECT_EQ(request.agent_version, "3.3.0.0");
  EXPECT_EQ(request.session_type, kSessionPort);
  ASSERT_TRUE(request.properties.has_value());
  EXPECT_EQ(*request.properties,
            (PortProperties{
                .port_number = "80", .local_port_number = "8080", .type = kLocalPortForwarding}));
  ASSERT_TRUE(request.encryption.has_value());
  EXPECT_EQ(request.encryption->key_id, "arn:aws:kms:x");
  EXPECT_EQ(request.encryption->challenge, "AAAA");
  EXPECT_EQ(Encode(request), kSeenRequest);
}

TEST(HandshakeRequest, AShellHasNullProperties) {
  const std::string text =
      Encode(HandshakeRequest{.agent_version = "3.3.987.0", .session_type = kSessionShell});
  EXPECT_EQ(text,
            R"({"AgentVersion":"3.3.987.0","RequestedClientActions":[)"
            R"({"ActionType":"SessionType","ActionParameters":{"SessionType":"Standard_Stream",)"
            R"("Properties":null}}]})");
  HandshakeRequest read;
  ASSERT_TRUE(Decode(AsBytes(text), read));
  EXPECT_FALSE(read.properties.has_value());
}

TEST(HandshakeRequest, ActionsThatAreNotKnownAreKeptToBeAnswered) {
  HandshakeRequest request;
  ASSERT_TRUE(Decode(AsBytes(R"({"AgentVersion":"9","RequestedClientActions":[)"
                             R"({"ActionType":"Dance","ActionParameters":{"Tempo":3}},)"
                             R"({"ActionType":"Sing"}]})"),
                     request));
  EXPECT_EQ(request.unknown_actions, (std::vector<std::string>{"Dance", "Sing"}));
}

TEST(HandshakeRequest, WhatIsWrongOrTooMuchIsRefused) {
  std::string many = R"({"RequestedClientActions":[{})";
  for (size_t i = 0; i < kClientActionsMax; ++i) many += ",{}";
  for (const std::string& text :
       {std::string("null"), std::string("{"), std::string(R"({"AgentVersion":3})"),
        std::string(R"({"RequestedClientActions":{}})"),
        std::string(R"({"RequestedClientActions":["SessionType"]})"),
        std::string(R"({"RequestedClientActions":[{"ActionType":"SessionType",)"
                    R"("ActionParameters":"Port"}]})"),
        std::string(R"({"RequestedClientActions":[{"ActionType":"SessionType",)"
                    R"("ActionParameters":{"Properties":{"portNumber":80}}}]})"),
        many + "]}", std::string(kHandshakeSizeMax, ' ') + "{}"}) {
    HandshakeRequest request;
    EXPECT_FALSE(Decode(AsBytes(text), request)) << text.substr(0, 80);
  }
}

TEST(HandshakeResponse, IsReadAndWrittenAsSeen) {
  const std::string seen =
      R"({"ClientVersion":"1.2.0.0","ProcessedClientActions":[)"
      R"({"ActionType":"SessionType","ActionStatus":1,"ActionResult":null,"Error":""},)"
      R"({"ActionType":"KMSEncryption","ActionStatus":1,"ActionResult":{"KMSCipherTextKey":"QUJD",)"
      R"("KMSCipherTextHash":null},"Error":""}],"Errors":null})";
  HandshakeResponse response;
  ASSERT_TRUE(Decode(AsBytes(seen), response));
  EXPECT_EQ(response.client_version, "1.2.0.0");
  ASSERT_EQ(response.actions.size(), 2u);
  EXPECT_EQ(response.actions[1].ciphertext_key, "QUJD");
  EXPECT_FALSE(response.actions[1].is_challenge_acknowledged);
  EXPECT_EQ(HandshakeFailure(response), "");
  EXPECT_EQ(Encode(response), seen);
  response.actions[1].is_challenge_acknowledged = true;
  HandshakeResponse again;
  ASSERT_TRUE(Decode(AsBytes(Encode(response)), again));
  EXPECT_TRUE(again.actions[1].is_challenge_acknowledged);
}

// The plugin mixes status and result up for an action that it does not know.
TEST(HandshakeResponse, StatusZeroWithANumberForItsResultIsUnsupported) {
  HandshakeResponse response;
  ASSERT_TRUE(Decode(AsBytes(R"({"ProcessedClientActions":[{"ActionType":"Dance",)"
                             R"("ActionStatus":0,"ActionResult":3,)"
                             R"("Error":"Unsupported action Dance"}],"Errors":null})"),
                     response));
  EXPECT_EQ(response.actions.at(0).status, ActionStatus::kUnsupported);
  EXPECT_EQ(HandshakeFailure(response),
            "Dance failed on client with status 3 error: Unsupported action Dance");
}

TEST(HandshakeResponse, AFailureIsToldInTheWordsOfTheRealMachine) {
  HandshakeResponse response;
  ASSERT_TRUE(Decode(AsBytes(R"({"ProcessedClientActions":[{"ActionType":"SessionType",)"
                             R"("ActionStatus":2,"Error":"Unknown session type X"}],)"
                             R"("Errors":["Unknown session type X"]})"),
                     response));
  EXPECT_EQ(response.errors, (std::vector<std::string>{"Unknown session type X"}));
  EXPECT_EQ(HandshakeFailure(response),
            "SessionType failed on client with status 2 error: Unknown session type X");
}

TEST(HandshakeResponse, WhatIsWrongIsRefused) {
  for (const std::string_view text :
       {R"({"Errors":"x"})", R"({"Errors":[1]})", R"({"ProcessedClientActions":[1]})",
        R"({"ProcessedClientActions":[{"ActionStatus":"1"}]})",
        R"({"ProcessedClientActions":[{"ActionResult":{"KMSCipherTextKey":7}}]})"}) {
    HandshakeResponse response;
    EXPECT_FALSE(Decode(AsBytes(text), response)) << text;
  }
}

TEST(HandshakeComplete, CountsInNanosecondsAndMayHaveAMessage) {
  const std::string seen = R"({"HandshakeTimeToComplete":1220509,"CustomerMessage":""})";
  HandshakeComplete complete;
  ASSERT_TRUE(Decode(AsBytes(seen), complete));
  EXPECT_EQ(complete.duration_ns, 1'220'509);
  EXPECT_EQ(Encode(complete), seen);
  EXPECT_FALSE(Decode(AsBytes(R"({"HandshakeTimeToComplete":"1ms"})"), complete));
}

TEST(EncryptionChallenge, ComesBackAsItself) {
  EncryptionChallenge read;
  ASSERT_TRUE(Decode(AsBytes(Encode(EncryptionChallenge{.challenge = "QUJD"})), read));
  EXPECT_EQ(read.challenge, "QUJD");
  EXPECT_FALSE(Decode(AsBytes(R"({"Challenge":[]})"), read));
}

}  // namespace
}  // namespace engine::datachannel
