// Goal: a node gets a session's data key from the relay that answers its question, or from the key
// service that its environment names, and from nobody else.
// Method: answers in and out of turn; requests and answers of KMS by hand.

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/keys/relay_keys.h"
#include "agent/keys/service_keys.h"
#include "engine/crypto/base64.h"

namespace agent {
namespace {

const DataKeyWish kWish{
    .session_id = "s-1", .key_id = "alias/k", .data_key = "c2VhbGVk", .challenge = "Y2g="};

class RelayKeysTest : public testing::Test {
 protected:
  uint64_t Ask() {
    return keys_.Open(kWish, [this](absl::StatusOr<std::string> key) {
      got_.push_back(key.ok() ? *key : "error: " + std::string(key.status().message()));
    });
  }

  bool is_up_ = true;
  std::vector<std::string> sent_;
  std::vector<std::string> got_;
  RelayKeys keys_{[this](std::string_view json) {
    if (is_up_) sent_.emplace_back(json);
    return is_up_;
  }};
};

TEST_F(RelayKeysTest, TheAnswerToAQuestionIsItsOwn) {
  const auto first = static_cast<uint32_t>(Ask());
  const auto second = static_cast<uint32_t>(Ask());
  engine::ControlMessage message;
  ASSERT_TRUE(engine::Decode(sent_[0], message));
  const auto& request = std::get<engine::DataKeyRequest>(message);
  EXPECT_EQ(request.serial, first);
  EXPECT_EQ(request.session_id + request.data_key + request.challenge, "s-1c2VhbGVkY2g=");
  keys_.Take({.serial = second, .plaintext = "dHdv", .error = {}});
  keys_.Take({.serial = second, .plaintext = "dHdv", .error = {}});
  keys_.Take({.serial = 99, .plaintext = "dHdv", .error = {}});
  keys_.Take({.serial = first, .plaintext = {}, .error = "no"});
  EXPECT_EQ(got_, (std::vector<std::string>{"two", "error: no"}));
}

TEST_F(RelayKeysTest, WhatCannotBeAskedOrIsLostIsAnError) {
  is_up_ = false;
  Ask();
  ASSERT_EQ(got_.size(), 1u);
  is_up_ = true;
  Ask();
  const uint64_t forgotten = Ask();
  keys_.Forget(forgotten);
  keys_.LinkLost();
  EXPECT_EQ(got_.size(), 2u);
  EXPECT_EQ(got_[1], "error: the node lost its relay");
  EXPECT_EQ(keys_.waiting_count(), 0u);
}

TEST_F(RelayKeysTest, QuestionsHaveAMaximum) {
  for (size_t i = 0; i < RelayKeys::kQuestionsMax; ++i) Ask();
  EXPECT_TRUE(got_.empty());
  Ask();
  ASSERT_EQ(got_.size(), 1u);
  EXPECT_TRUE(got_[0].starts_with("error: the node asks for too many"));
  EXPECT_EQ(keys_.waiting_count(), RelayKeys::kQuestionsMax);
}

Environment Table(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(ServiceKeysTest, TheEnvironmentNamesTheServiceAndWhoAsksThere) {
  EXPECT_FALSE(KeyServiceFrom(Table({}))->has_value());
  EXPECT_FALSE(KeyServiceFrom(Table({{"AWS_ENDPOINT_URL_KMS", "https://kms"}})).ok());
  EXPECT_FALSE(KeyServiceFrom(Table({{"AWS_ENDPOINT_URL_KMS", "kms"},
                                     {"AWS_ACCESS_KEY_ID", "A"},
                                     {"AWS_SECRET_ACCESS_KEY", "s"}}))
                   .ok());
  const auto service = KeyServiceFrom(Table({{"AWS_ENDPOINT_URL_KMS", "https://kms.test:8443"},
                                             {"AWS_ACCESS_KEY_ID", "A"},
                                             {"AWS_SECRET_ACCESS_KEY", "s"},
                                             {"AWS_CA_BUNDLE", "ca.pem"}}));
  ASSERT_TRUE(service.ok());
  EXPECT_EQ((*service)->url.host, "kms.test:8443");
  EXPECT_EQ((*service)->authority_lists, std::vector<std::string>{"ca.pem"});
}

TEST(ServiceKeysTest, TheCallIsKmssDecryptForThisNodeAndSession) {
  KeyServiceOptions service{.url = *engine::ParseSecureUrl("https", "https://kms.test"),
                            .region = "eu-west-1",
                            .access_key_id = "AKID",
                            .secret = "s",
                            .session_token = "token"};
  engine::HttpRequest request = DecryptRequest(service, kWish, "mi-1", 1'700'000'000);
  EXPECT_EQ(request.headers.Get("X-Amz-Target"), "TrentService.Decrypt");
  EXPECT_EQ(request.body,
            R"({"CiphertextBlob":"c2VhbGVk","EncryptionContext":{"aws:ssm:RandomChallenge":"Y2g=",)"
            R"("aws:ssm:SessionId":"s-1","aws:ssm:TargetId":"mi-1"},"KeyId":"alias/k"})");
  EXPECT_NE(request.headers.Get("Authorization").find("/eu-west-1/kms/aws4_request"),
            std::string_view::npos);
  DataKeyWish elsewhere = kWish;
  elsewhere.key_id = "arn:aws:kms:us-east-2:1:key/k";
  elsewhere.challenge.clear();
  request = DecryptRequest(service, elsewhere, "mi-1", 1'700'000'000);
  EXPECT_EQ(request.body.find("RandomChallenge"), std::string::npos);
  EXPECT_NE(request.headers.Get("Authorization").find("/us-east-2/kms/"), std::string_view::npos);
}

TEST(ServiceKeysTest, AnAnswerIsAKeyOrAReason) {
  engine::CallResult result{.kind = engine::CallResult::Kind::kResponse};
  result.response.status = 200;
  result.response.body = R"({"Plaintext":"a2V5"})";
  EXPECT_EQ(*ReadDecrypted(result), "key");
  result.response.body = "no JSON";
  EXPECT_FALSE(ReadDecrypted(result).ok());
  result.response.status = 400;
  result.response.body = R"({"__type":"InvalidCiphertextException","message":"no"})";
  EXPECT_NE(ReadDecrypted(result).status().message().find("InvalidCiphertextException: no"),
            std::string_view::npos);
  result = {.kind = engine::CallResult::Kind::kUnreachable, .response = {}, .text = "refused"};
  EXPECT_TRUE(absl::IsUnavailable(ReadDecrypted(result).status()));
}

}  // namespace
}  // namespace agent
