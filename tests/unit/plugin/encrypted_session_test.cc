// Goal: an encrypted session's payloads are sealed and opened as its machine does it, and a machine
// that does not hold the key gets nothing. Method: as shell_user_test.cc, with the machine's side
// of the encryption in the test; and the key service's answers by hand.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/plugin/channel_session.h"
#include "client/plugin/key_service.h"
#include "client/plugin/shell_user.h"
#include "engine/crypto/base64.h"
#include "tests/unit/plugin/plugin_world.h"

namespace client {
namespace {

using engine::crypto::PayloadCipher;
using engine::datachannel::EncryptionChallenge;
using engine::datachannel::HandshakeRequest;
using engine::datachannel::HandshakeResponse;
using engine::datachannel::PayloadType;

PluginWorld::MakeUser Shell() {
  return [](PluginWorld& world, const SessionKind&, SessionUser::Events& events) {
    return std::make_unique<ShellUser>(world.loop(), world.session, world.ours[0], world.ours[1],
                                       -1, ShellUser::FarSide::kTerminal, events);
  };
}

std::string Seal(PayloadCipher& cipher, const std::string& plain) {
  std::string sealed(plain.size() + engine::crypto::kPayloadOverhead, '\0');
  cipher.Seal(engine::AsBytes(plain), std::as_writable_bytes(std::span(sealed)));
  return sealed;
}

std::string Open(const PayloadCipher& cipher, engine::ByteView sealed) {
  std::string plain(sealed.size(), '\0');
  const auto size = cipher.Open(sealed, std::as_writable_bytes(std::span(plain)));
  return size.has_value() ? plain.substr(0, *size) : "not opened";
}

class EncryptedSessionTest : public testing::Test {
 protected:
  EncryptedSessionTest() {
    world_.key = DataKey{.plaintext = key_, .ciphertext = "c2VhbGVk"};
    world_.machine.on_bytes = [this](engine::ByteView payload) {
      EXPECT_LE(payload.size(), engine::datachannel::kStreamPayloadMax);
      typed_ += Open(machine_, payload);
    };
    world_.keeper.Start();
    world_.out->Read();
    HandshakeRequest request{.agent_version = "3.3.987.0", .session_type = "Standard_Stream"};
    request.encryption = HandshakeRequest::Encryption{.key_id = "alias/a", .challenge = "Y2g="};
    world_.machine.Shake(request);
  }
  void Challenge(PayloadCipher& cipher) {
    const EncryptionChallenge challenge{
        engine::crypto::EncodeBase64(engine::AsBytes(Seal(cipher, std::string(64, 'r'))))};
    world_.machine.Say(PayloadType::kChallengeRequest, Encode(challenge));
  }

  const std::string key_ = std::string(32, 'n') + std::string(32, 'c');
  PayloadCipher machine_{PayloadCipher::End::kNode, engine::AsBytes(key_)};
  PluginWorld world_{1, Shell()};
  std::string typed_;
};

TEST_F(EncryptedSessionTest, TheKeyIsHandedOverAndTheChallengeMet) {
  Challenge(machine_);
  ASSERT_TRUE(world_.Run([&] { return world_.machine.others.size() >= 2; }));
  EXPECT_EQ(world_.wanted_key, "alias/a Y2g=");
  HandshakeResponse response;
  ASSERT_TRUE(Decode(engine::AsBytes(world_.machine.others[0].second), response));
  EXPECT_EQ(HandshakeFailure(response), "");
  ASSERT_EQ(response.actions.size(), 2u);
  EXPECT_EQ(response.actions[1].ciphertext_key, "c2VhbGVk");
  EXPECT_TRUE(response.actions[1].is_challenge_acknowledged);
  EXPECT_EQ(world_.machine.others[1].first, PayloadType::kChallengeResponse);
  EncryptionChallenge answer;
  ASSERT_TRUE(Decode(engine::AsBytes(world_.machine.others[1].second), answer));
  const std::string sealed = *engine::crypto::DecodeBase64(answer.challenge);
  EXPECT_EQ(Open(machine_, engine::AsBytes(sealed)), std::string(64, 'r'));
}

TEST_F(EncryptedSessionTest, WhatIsTypedAndShownIsSealed) {
  Challenge(machine_);
  ASSERT_TRUE(world_.Run([&] { return world_.kind.has_value(); }));
  const std::string line(3000, 't');
  world_.in->Type(line);
  ASSERT_TRUE(world_.Run([&] { return typed_.size() >= line.size(); }));
  EXPECT_EQ(typed_, line);
  world_.machine.Say(PayloadType::kOutput, Seal(machine_, "shown "));
  world_.machine.Say(PayloadType::kStdErr, Seal(machine_, "error "));
  world_.machine.Say(PayloadType::kExitCode, Seal(machine_, "EXIT_CODE: 7"));
  ASSERT_TRUE(world_.Run([&] { return world_.out->read == "shown error EXIT_CODE: 7"; }));
  EXPECT_EQ(world_.user->exit_code(), 7);
}

TEST_F(EncryptedSessionTest, AMachineWithoutTheKeyIsFoundOut) {
  PayloadCipher other(PayloadCipher::End::kNode, engine::AsBytes(std::string(64, 'x')));
  Challenge(other);
  ASSERT_TRUE(world_.Run([&] { return !world_.broken.empty(); }));
  EXPECT_EQ(world_.broken, "the machine does not hold the session's data key");
}

TEST_F(EncryptedSessionTest, OutputThatIsNotSealedIsNotShown) {
  Challenge(machine_);
  ASSERT_TRUE(world_.Run([&] { return world_.kind.has_value(); }));
  world_.machine.Say(PayloadType::kOutput, "in clear");
  ASSERT_TRUE(world_.Run([&] { return !world_.broken.empty(); }));
  EXPECT_EQ(world_.out->read, "");
}

TEST(KeyServiceTest, ItIsWhereTheEnvironmentSaysOrBesideTheApi) {
  std::map<std::string, std::string> variables;
  const Environment environment = [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  const auto host_of = [&](const std::string& api) {
    const auto url = KeyServiceOf(environment, *engine::ParseSecureUrl("https", api), "eu-west-1");
    return url.ok() ? url->host : std::string(url.status().message());
  };
  EXPECT_EQ(host_of("https://relay.example.com:8443"), "relay.example.com:8443");
  EXPECT_EQ(host_of("https://ssm.eu-west-1.amazonaws.com"), "kms.eu-west-1.amazonaws.com");
  EXPECT_EQ(host_of("https://ssm.cn-north-1.amazonaws.com.cn"), "kms.eu-west-1.amazonaws.com.cn");
  EXPECT_EQ(host_of("https://notamazonaws.com"), "notamazonaws.com");
  variables["AWS_ENDPOINT_URL_KMS"] = "https://kms.example.com";
  EXPECT_EQ(host_of("https://relay.example.com:8443"), "kms.example.com");
  variables["AWS_ENDPOINT_URL_KMS"] = "http://kms.example.com";
  EXPECT_TRUE(host_of("https://relay.example.com").starts_with("AWS_ENDPOINT_URL_KMS: "));
}

TEST(KeyServiceTest, AnAnswerHasAKeyOfSixtyFourBytesAndItsSealedForm) {
  const std::string plain = engine::crypto::EncodeBase64(engine::AsBytes(std::string(64, 'k')));
  const auto read = [](const std::string& plaintext, const std::string& sealed) {
    return ReadDataKey(R"({"Plaintext":")" + plaintext + R"(","CiphertextBlob":")" + sealed +
                       "\"}");
  };
  ASSERT_TRUE(read(plain, "c2VhbGVk").ok());
  EXPECT_EQ(read(plain, "c2VhbGVk")->plaintext, std::string(64, 'k'));
  EXPECT_EQ(read(plain, "c2VhbGVk")->ciphertext, "c2VhbGVk");
  EXPECT_FALSE(read("a2V5", "c2VhbGVk").ok());
  EXPECT_FALSE(read(plain, "").ok());
  EXPECT_FALSE(read(plain, "?").ok());
  EXPECT_FALSE(read(plain, std::string(1000, 'A')).ok());
  EXPECT_FALSE(ReadDataKey("[]").ok());
  EXPECT_FALSE(ReadDataKey("").ok());
}

}  // namespace
}  // namespace client
