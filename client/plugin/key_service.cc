#include "client/plugin/key_service.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/payload_cipher.h"

namespace client {
namespace {

using Json = nlohmann::json;

// A ciphertext has to fit into the handshake's one message.
constexpr size_t kCiphertextMax = 640;

std::string Member(const Json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

// PartitionOf returns what AWS's hosts end with that are beside this one, or nothing.
std::string_view PartitionOf(std::string_view host) {
  for (const std::string_view end : {".amazonaws.com", ".amazonaws.com.cn"}) {
    if (host.ends_with(end)) return end;
  }
  return {};
}

}  // namespace

absl::StatusOr<engine::SecureUrl> KeyServiceOf(const Environment& environment,
                                               const engine::SecureUrl& api,
                                               const std::string& region) {
  const std::optional<std::string> named = environment("AWS_ENDPOINT_URL_KMS");
  if (named.has_value() && !named->empty()) {
    absl::StatusOr<engine::SecureUrl> url = engine::ParseSecureUrl("https", *named);
    if (url.ok()) return url;
    return absl::InvalidArgumentError("AWS_ENDPOINT_URL_KMS: " +
                                      std::string(url.status().message()));
  }
  const std::string_view partition = PartitionOf(api.server.host);
  if (partition.empty()) return api;
  return engine::ParseSecureUrl("https", "https://kms." + region + std::string(partition));
}

KeyService::KeyService(engine::LoopDriver& driver, const engine::TlsContext& context,
                       absl::StatusOr<engine::SecureUrl> url, const std::string& region,
                       absl::StatusOr<Credentials> credentials, SignedCalls::Clock clock)
    : is_found_(url.status()),
      calls_(driver, context,
             {.url = url.ok() ? *std::move(url) : engine::SecureUrl(),
              .region = region,
              .name = "kms",
              .prefix = "TrentService."},
             std::move(credentials), std::move(clock)) {}

void KeyService::Generate(const Wish& wish, Done done) {
  if (!is_found_.ok()) return done(is_found_);
  Json context = {{"aws:ssm:SessionId", wish.session_id}, {"aws:ssm:TargetId", wish.target}};
  if (!wish.challenge.empty()) context["aws:ssm:RandomChallenge"] = wish.challenge;
  const Json body = {{"KeyId", wish.key_id},
                     {"NumberOfBytes", engine::crypto::kDataKeySize},
                     {"EncryptionContext", std::move(context)}};
  calls_.Call("GenerateDataKey", body.dump(-1, ' ', false, Json::error_handler_t::replace),
              [done = std::move(done)](absl::StatusOr<std::string> answer) {
                if (answer.ok()) return done(ReadDataKey(*answer));
                done(absl::Status(answer.status().code(),
                                  "no data key: " + std::string(answer.status().message())));
              });
}

absl::StatusOr<DataKey> ReadDataKey(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  DataKey key{.plaintext = {}, .ciphertext = Member(json, "CiphertextBlob")};
  const std::optional<std::string> plaintext =
      engine::crypto::DecodeBase64(Member(json, "Plaintext"));
  if (!plaintext.has_value() || plaintext->size() != engine::crypto::kDataKeySize) {
    return absl::InvalidArgumentError("the key service's answer has no key of 64 bytes");
  }
  if (key.ciphertext.empty() || key.ciphertext.size() > kCiphertextMax ||
      !engine::crypto::DecodeBase64(key.ciphertext).has_value()) {
    return absl::InvalidArgumentError(
        "the key service's answer has no sealed key, or too long a one");
  }
  key.plaintext = *plaintext;
  return key;
}

}  // namespace client
