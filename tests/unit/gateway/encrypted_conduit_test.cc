// Goal: what client and node encrypt for each other passes the gateway as it is, in the order in
// which both expect it, and is shown to nobody. Method: as gateway_session_test.cc; the node's side
// writes packets by hand.

#include "relay/gateway/encrypted_conduit.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/crypto/base64.h"
#include "tests/unit/gateway/gateway_world.h"

namespace relay {
namespace {

using engine::CloseCode;
using engine::PacketKind;
using engine::datachannel::EncryptionChallenge;
using engine::datachannel::HandshakeResponse;
using std::chrono::seconds;

SessionGrant EncryptedGrant() {
  SessionGrant grant = GrantOf(engine::SessionKind::kShell, "Standard_Stream");
  grant.plan.key_id = "alias/k";
  return grant;
}

std::string Packet(PacketKind kind, const std::string& payload) {
  std::string packet(engine::kPacketHeadSize, '\0');
  engine::WritePacketHead(kind, payload.size(), std::as_writable_bytes(std::span(packet)));
  return packet + payload;
}

class EncryptedConduitTest : public testing::Test {
 protected:
  EncryptedConduitTest() {
    world.takes = [this](PayloadType type, engine::ByteView payload) {
      if (type == PayloadType::kChallengeRequest) {
        EncryptionChallenge decoded;
        EXPECT_TRUE(Decode(payload, decoded));
        challenge = decoded.challenge;
      }
      return true;
    };
  }

  void AnswerWithKey(const std::string& key, bool knows_challenge = true) {
    HandshakeResponse response;
    response.client_version = "1.2.707.0";
    response.actions.push_back({.type = engine::datachannel::kActionSessionType});
    response.actions.push_back({.type = engine::datachannel::kActionEncryption,
                                .ciphertext_key = key,
                                .is_challenge_acknowledged = knows_challenge});
    Say(PayloadType::kHandshakeResponse, Encode(response));
  }
  void Say(PayloadType type, const std::string& payload) {
    world.client.Send(type, engine::AsBytes(payload));
    world.Pump();
  }
  void FromNode(PacketKind kind, const std::string& payload) {
    world.node.Write(world.stream_id(), Packet(kind, payload));
    world.Pump();
  }
  void Prove() {
    world.Connect();
    AnswerWithKey("c2VhbGVk");
    FromNode(PacketKind::kChallenge, std::string(92, 'c'));
    Say(PayloadType::kChallengeResponse,
        Encode(EncryptionChallenge{engine::crypto::EncodeBase64(engine::AsBytes("answer"))}));
    FromNode(PacketKind::kReady, "");
  }

  GatewayWorld world{EncryptedGrant()};
  std::string challenge;
};

TEST_F(EncryptedConduitTest, TheKeyGoesToTheNodeAndTheChallengeBothWays) {
  world.Connect();
  ASSERT_TRUE(world.request.encryption.has_value());
  EXPECT_EQ(world.request.encryption->key_id, "alias/k");
  EXPECT_EQ(engine::crypto::DecodeBase64(world.request.encryption->challenge)->size(), 16u);
  AnswerWithKey("c2VhbGVk");
  ASSERT_EQ(world.node.requests.size(), 1u);
  engine::OpenRequest request;
  ASSERT_TRUE(engine::DecodeOpen(world.node.requests[0], request));
  const auto& granted = std::get<engine::GrantedRequest>(request);
  EXPECT_EQ(granted.key->data_key, "c2VhbGVk");
  EXPECT_EQ(granted.key->challenge, world.request.encryption->challenge);

  FromNode(PacketKind::kChallenge, std::string(92, 'c'));
  EXPECT_EQ(challenge, engine::crypto::EncodeBase64(engine::AsBytes(std::string(92, 'c'))));
  EXPECT_NE(world.types.back(), PayloadType::kHandshakeComplete);
  Say(PayloadType::kChallengeResponse,
      Encode(EncryptionChallenge{engine::crypto::EncodeBase64(engine::AsBytes("answer"))}));
  EXPECT_EQ(world.stream().main, Packet(PacketKind::kAnswer, "answer"));
  EXPECT_TRUE(world.stream().controls.empty());
  FromNode(PacketKind::kReady, "");
  EXPECT_EQ(world.types.back(), PayloadType::kHandshakeComplete);
  EXPECT_EQ(world.complete.customer_message, "This session is encrypted using AWS KMS.");
}

TEST_F(EncryptedConduitTest, AClientThatKnowsNoChallengeHasAKeyWithout) {
  world.Connect();
  AnswerWithKey("c2VhbGVk", /*knows_challenge=*/false);
  engine::OpenRequest request;
  ASSERT_TRUE(engine::DecodeOpen(world.node.requests[0], request));
  EXPECT_EQ(std::get<engine::GrantedRequest>(request).key->challenge, "");
}

TEST_F(EncryptedConduitTest, TheSizeStartsTheProgramAndPayloadsPassAsTheyAre) {
  Prove();
  EXPECT_TRUE(world.stream().controls.empty());
  world.Resize(120, 40);
  ASSERT_EQ(world.stream().controls.size(), 1u);
  EXPECT_NE(world.stream().controls[0].find("\"columns\":120"), std::string::npos);
  world.stream().main.clear();
  world.Type("sealed input");
  EXPECT_EQ(world.stream().main, Packet(PacketKind::kInput, "sealed input"));
  FromNode(PacketKind::kOutput, "sealed output");
  FromNode(PacketKind::kErrorOutput, "sealed error");
  FromNode(PacketKind::kExitCode, "sealed code");
  EXPECT_EQ(world.output, "sealed output");
  EXPECT_EQ(world.errors, "sealed error");
  EXPECT_EQ(world.exit_code, "sealed code");
  world.node.mux.Finish(world.stream_id());
  world.Pump();
  EXPECT_TRUE(world.is_over);
  EXPECT_EQ(world.last_word, "");
  EXPECT_TRUE(world.passage.input.empty());
  EXPECT_TRUE(world.passage.output.empty());
}

TEST_F(EncryptedConduitTest, AClientThatSaysNoSizeGetsAUsualOne) {
  Prove();
  world.Sleep(EncryptedConduit::kSizeMax);
  EXPECT_EQ(world.stream().controls.size(), 1u);
}

TEST_F(EncryptedConduitTest, AClientWithoutAKeyHasNoSession) {
  world.Connect();
  world.Answer();
  EXPECT_EQ(world.last_word,
            "This session's document has a kmsKeyId, and the client sent no data key.");
  EXPECT_TRUE(world.node.requests.empty());
}

TEST_F(EncryptedConduitTest, TheNodesReasonReachesTheUser) {
  world.node.on_open = [this](engine::StreamId id) {
    world.node.mux.Reject(id, CloseCode::kCannotStart, "no such key");
  };
  world.Connect();
  AnswerWithKey("c2VhbGVk");
  EXPECT_EQ(world.last_word, "Unable to start command: no such key");
}

TEST_F(EncryptedConduitTest, AClientThatDoesNotAnswerTheChallengeIsGivenUp) {
  world.Connect();
  AnswerWithKey("c2VhbGVk");
  world.Sleep(2 * MachineHandshake::kAnswerMax - seconds(1));
  EXPECT_FALSE(world.has_last_word);
  world.Sleep(seconds(1));
  world.Sleep(Farewell::kDrainMax);
  EXPECT_EQ(world.last_word, kHandshakeTimedOut);
}

TEST_F(EncryptedConduitTest, WhatCannotBeReadEndsTheSession) {
  world.Connect();
  AnswerWithKey("c2VhbGVk");
  Say(PayloadType::kChallengeResponse, R"({"Challenge":"?"})");
  EXPECT_EQ(world.last_word, "The client's answer to the challenge cannot be read.");
}

TEST_F(EncryptedConduitTest, ANodesPacketThatIsTooLongForAClientEndsTheSession) {
  Prove();
  world.Resize(80, 24);
  FromNode(PacketKind::kOutput, std::string(1025, 'x'));
  EXPECT_EQ(world.last_word, "The node sent a message that is too long for a client.");
}

}  // namespace
}  // namespace relay
