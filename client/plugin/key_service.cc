#include "client/plugin/key_service.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "client/json_member.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/payload_cipher.h"
#include "engine/wire/data_key_context.h"

namespace client {
namespace {

using Json = nlohmann::json;

// A ciphertext has to fit into the handshake's one message.
constexpr size_t kCiphertextMax = 640;

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
  const absl::StatusOr<std::optional<engine::SecureUrl>> named =
      engine::UrlOfVariable(engine::kKeyServiceVariable, environment(engine::kKeyServiceVariable));
  if (!named.ok()) return named.status();
  if (named->has_value()) return **named;
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
  const Json body = {
      {"KeyId", wish.key_id},
      {"NumberOfBytes", engine::crypto::kDataKeySize},
      {"EncryptionContext", engine::DataKeyContext(wish.session_id, wish.target, wish.challenge)}};
  calls_.Call("GenerateDataKey", JsonBody(body),
              [done = std::move(done)](absl::StatusOr<std::string> answer) {
                if (answer.ok()) return done(ReadDataKey(*answer));
                done(absl::Status(answer.status().code(),
                                  "no data key: " + std::string(answer.status().message())));
              });
}

absl::StatusOr<DataKey> ReadDataKey(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  DataKey key{.plaintext = {}, .ciphertext = JsonText(json, "CiphertextBlob")};
  const std::optional<std::string> plaintext =
      engine::crypto::DecodeBase64(JsonText(json, "Plaintext"));
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
