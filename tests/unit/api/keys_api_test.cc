// Goal: KMS's two calls for data keys answer as KMS does, are allowed by policies, and are recorded
// without a secret.
// Method: requests against the whole API and a real store.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "engine/crypto/base64.h"
#include "tests/unit/api/api_fixture.h"

namespace relay {
namespace {

using Json = nlohmann::json;

constexpr char kGenerate[] = "TrentService.GenerateDataKey";
constexpr char kDecrypt[] = "TrentService.Decrypt";
constexpr char kArn[] = "arn:aws:kms:adit:000000000000:alias/sessions";
const Json kContext = {{"aws:ssm:SessionId", "alice-1"}, {"aws:ssm:TargetId", "mi-1"}};

class KeysApiTest : public ApiFixture {
 protected:
  Json Generate() {
    return Call(
        kGenerate,
        {{"KeyId", "alias/sessions"}, {"NumberOfBytes", 64}, {"EncryptionContext", kContext}});
  }
};

TEST_F(KeysApiTest, ADataKeyThatWasGeneratedIsDecrypted) {
  const Json made = Generate();
  ASSERT_EQ(made["Status"], 200) << made;
  EXPECT_EQ(made["KeyId"], kArn);
  EXPECT_EQ(engine::crypto::DecodeBase64(made["Plaintext"].get<std::string>())->size(), 64u);
  const Json opened = Call(kDecrypt, {{"CiphertextBlob", made["CiphertextBlob"]},
                                      {"KeyId", kArn},
                                      {"EncryptionContext", kContext}});
  EXPECT_EQ(opened["Plaintext"], made["Plaintext"]) << opened;
  EXPECT_EQ(opened["KeyId"], kArn);
  EXPECT_EQ(Call(kGenerate, {{"KeyId", "k"}, {"KeySpec", "AES_256"}})["Status"], 200);
}

TEST_F(KeysApiTest, AnotherContextOrKeyIsRefused) {
  const Json made = Generate();
  Json other = kContext;
  other["aws:ssm:SessionId"] = "alice-2";
  EXPECT_EQ(
      ErrorOf(kDecrypt, {{"CiphertextBlob", made["CiphertextBlob"]}, {"EncryptionContext", other}}),
      "InvalidCiphertextException");
  EXPECT_EQ(ErrorOf(kDecrypt, {{"CiphertextBlob", made["CiphertextBlob"]},
                               {"KeyId", "alias/other"},
                               {"EncryptionContext", kContext}}),
            "IncorrectKeyException");
  EXPECT_EQ(ErrorOf(kDecrypt, {{"CiphertextBlob", "?"}}), "InvalidCiphertextException");
  EXPECT_EQ(ErrorOf(kDecrypt, {{"CiphertextBlob", made["CiphertextBlob"]},
                               {"EncryptionContext", {{"a", 1}}}}),
            "ValidationException");
}

TEST_F(KeysApiTest, WhatIsNoRequestForADataKeyIsRefused) {
  EXPECT_EQ(ErrorOf(kGenerate, {{"KeyId", "k"}}), "ValidationException");
  EXPECT_EQ(ErrorOf(kGenerate, {{"KeyId", "k"}, {"NumberOfBytes", 1025}}), "ValidationException");
  EXPECT_EQ(ErrorOf(kGenerate, {{"KeyId", "k"}, {"NumberOfBytes", 1}, {"KeySpec", "AES_128"}}),
            "ValidationException");
  EXPECT_EQ(ErrorOf(kGenerate, {{"NumberOfBytes", 64}}), "ValidationException");
  EXPECT_EQ(
      ErrorOf(kGenerate, {{"KeyId", "arn:aws:kms:adit:111111111111:key/k"}, {"NumberOfBytes", 64}}),
      "NotFoundException");
  const Json large = {{"a", std::string(8 * 1024, 'x')}};
  EXPECT_EQ(
      ErrorOf(kGenerate, {{"KeyId", "k"}, {"NumberOfBytes", 64}, {"EncryptionContext", large}}),
      "ValidationException");
}

TEST_F(KeysApiTest, APolicyNamesKeyAndContext) {
  AddUserWith("alice",
              {{"Version", "2012-10-17"},
               {"Statement",
                {{{"Effect", "Allow"},
                  {"Action", "kms:GenerateDataKey"},
                  {"Resource", kArn},
                  {"Condition",
                   {{"StringLike", {{"kms:EncryptionContext:aws:ssm:SessionId", "alice-*"}}}}}}}}});
  const Json wanted = {
      {"KeyId", "alias/sessions"}, {"NumberOfBytes", 64}, {"EncryptionContext", kContext}};
  const Json made = Call(kGenerate, wanted, "alice");
  EXPECT_EQ(made["Status"], 200) << made;
  Json other = wanted;
  other["KeyId"] = "alias/other";
  EXPECT_EQ(ErrorOf(kGenerate, other, "alice"), "AccessDeniedException");
  other = wanted;
  other["EncryptionContext"]["aws:ssm:SessionId"] = "bob-1";
  EXPECT_EQ(ErrorOf(kGenerate, other, "alice"), "AccessDeniedException");
  EXPECT_EQ(ErrorOf(kDecrypt,
                    {{"CiphertextBlob", made["CiphertextBlob"]}, {"EncryptionContext", kContext}},
                    "alice"),
            "AccessDeniedException");
}

TEST_F(KeysApiTest, ANodeOpensTheKeyOfItsOwnEncryptedSession) {
  const Json content = {{"schemaVersion", "1.0"},
                        {"sessionType", "Standard_Stream"},
                        {"inputs", {{"kmsKeyId", "alias/sessions"}}}};
  ASSERT_EQ(
      ErrorOf("CreateDocument",
              {{"Name", "Encrypted"}, {"DocumentType", "Session"}, {"Content", content.dump()}}),
      "");
  const Json started = Call("StartSession", {{"Target", kNodeId}, {"DocumentName", "Encrypted"}});
  ASSERT_EQ(started["Status"], 200) << started;
  const std::string session = started["SessionId"];
  const Json bound = {{"aws:ssm:SessionId", session}, {"aws:ssm:TargetId", kNodeId}};
  const Json made =
      Call(kGenerate,
           {{"KeyId", "alias/sessions"}, {"NumberOfBytes", 64}, {"EncryptionContext", bound}});
  const engine::DataKeyRequest request{
      .serial = 7, .session_id = session, .data_key = made["CiphertextBlob"].get<std::string>()};
  const engine::DataKeyAnswer answer = api_.OpenDataKey(kNodeId, request, now_);
  EXPECT_EQ(answer.serial, 7u);
  EXPECT_EQ(answer.plaintext, made["Plaintext"]) << answer.error;
  EXPECT_NE(api_.OpenDataKey("mi-1", request, now_).error, "");
  engine::DataKeyRequest other = request;
  other.challenge = "Y2g=";  // The key is not bound to it.
  EXPECT_NE(api_.OpenDataKey(kNodeId, other, now_).error, "");
  other = request;
  other.session_id = "alice-1";
  EXPECT_NE(api_.OpenDataKey(kNodeId, other, now_).error, "");
  const Json elsewhere = Call(
      kGenerate, {{"KeyId", "alias/other"}, {"NumberOfBytes", 64}, {"EncryptionContext", bound}});
  other = request;
  other.data_key = elsewhere["CiphertextBlob"].get<std::string>();
  EXPECT_NE(api_.OpenDataKey(kNodeId, other, now_).error, "");
  EXPECT_EQ(
      ErrorOf("StartSession",
              {{"Target", kNodeId}, {"DocumentName", "Encrypted"}, {"Adit", {{"Version", 1}}}}),
      "SealedNotSupported");
}

TEST_F(KeysApiTest, TheRecordNamesKeyAndContextAndNoSecret) {
  const Json made = Generate();
  Call(kDecrypt, {{"CiphertextBlob", made["CiphertextBlob"]}, {"EncryptionContext", kContext}});
  const auto events = store_->ListAudit(0, 100);
  std::string all;
  for (const AuditEvent& event : *events) {
    if (event.name == "GenerateDataKey" || event.name == "Decrypt") all += event.record + "\n";
  }
  EXPECT_NE(all.find("\"eventSource\":\"kms.amazonaws.com\""), all.npos) << all;
  EXPECT_NE(all.find("alice-1"), all.npos);
  EXPECT_NE(all.find(kArn), all.npos);
  EXPECT_EQ(all.find(made["Plaintext"].get<std::string>()), all.npos);
  EXPECT_EQ(all.find(made["CiphertextBlob"].get<std::string>()), all.npos);
}

}  // namespace
}  // namespace relay
