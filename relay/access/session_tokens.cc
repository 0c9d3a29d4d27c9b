#include "relay/access/session_tokens.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/crypto/base64.h"
#include "engine/crypto/constant_time.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using engine::AsBytes;
using engine::ByteView;
using Json = nlohmann::json;

constexpr size_t kSecretSize = 30;  // 40 characters, as AWS's have.

std::string Pack(const TemporaryPrincipal& principal) {
  const TemporarySession& session = principal.session;
  Json tags = Json::array();
  for (const IamTag& tag : session.tags) tags.push_back({tag.key, tag.value});
  Json json = {{"id", principal.entity_id},
               {"key", principal.issuer_key_id},
               {"until", principal.expires_unix_ms},
               {"role", session.role_arn},
               {"name", session.name},
               {"issued", session.issued_unix_ms},
               {"policies", session.policies},
               {"arns", session.policy_arns},
               {"tags", std::move(tags)},
               {"transitive", session.transitive_tag_keys},
               {"source", session.source_identity}};
  if (session.mfa_unix_ms.has_value()) json["mfa"] = *session.mfa_unix_ms;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Unpack reads what Pack wrote. Nobody else can have written it, but another release may have.
absl::StatusOr<TemporaryPrincipal> Unpack(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return absl::InvalidArgumentError("token: not a session");
  const auto text_of = [&json](const char* name) {
    const auto member = json.find(name);
    return member != json.end() && member->is_string() ? member->get<std::string>() : "";
  };
  const auto number_of = [&json](const char* name) -> std::optional<int64_t> {
    const auto member = json.find(name);
    if (member == json.end() || !member->is_number_integer()) return std::nullopt;
    return member->get<int64_t>();
  };
  const auto texts_of = [&json](const char* name) {
    std::vector<std::string> texts;
    const auto member = json.find(name);
    if (member == json.end() || !member->is_array()) return texts;
    for (const Json& each : *member) {
      if (each.is_string()) texts.push_back(each.get<std::string>());
    }
    return texts;
  };
  const std::optional<int64_t> until = number_of("until");
  const std::optional<int64_t> issued = number_of("issued");
  TemporaryPrincipal principal{.entity_id = text_of("id"), .issuer_key_id = text_of("key")};
  if (!until.has_value() || !issued.has_value() || principal.entity_id.empty()) {
    return absl::InvalidArgumentError("token: a session of another release");
  }
  principal.expires_unix_ms = *until;
  principal.session = {.role_arn = text_of("role"),
                       .name = text_of("name"),
                       .issued_unix_ms = *issued,
                       .mfa_unix_ms = number_of("mfa"),
                       .policies = texts_of("policies"),
                       .policy_arns = texts_of("arns"),
                       .tags = {},
                       .transitive_tag_keys = texts_of("transitive"),
                       .source_identity = text_of("source")};
  if (const auto tags = json.find("tags"); tags != json.end() && tags->is_array()) {
    for (const Json& tag : *tags) {
      if (!tag.is_array() || tag.size() != 2 || !tag[0].is_string() || !tag[1].is_string()) {
        return absl::InvalidArgumentError("token: a tag of another release");
      }
      principal.session.tags.push_back({tag[0].get<std::string>(), tag[1].get<std::string>()});
    }
  }
  return principal;
}

}  // namespace

SessionTokens::SessionTokens(const Store& store)
    : seal_key_(store.DeriveKey("session tokens")),
      secret_key_(store.DeriveKey("secrets of temporary access keys")) {}

SessionTokens::~SessionTokens() {
  engine::crypto::Cleanse(seal_key_);
  engine::crypto::Cleanse(secret_key_);
}

absl::StatusOr<TemporaryCredentials> SessionTokens::Issue(
    std::string access_key_id, const TemporaryPrincipal& principal) const {
  const std::string packed = Pack(principal);
  const int percent =
      static_cast<int>((packed.size() * 100 + kPackedSessionSizeMax - 1) / kPackedSessionSizeMax);
  if (packed.size() > kPackedSessionSizeMax) {
    return absl::ResourceExhaustedError("it takes " + std::to_string(percent) +
                                        "% of the size that policies and tags may have together");
  }
  const std::string sealed =
      engine::crypto::Seal(seal_key_, AsBytes(packed), AsBytes(access_key_id));
  TemporaryCredentials credentials{.secret = Secret(access_key_id),
                                   .token = engine::crypto::EncodeBase64(AsBytes(sealed)),
                                   .packed_percent = percent};
  credentials.access_key_id = std::move(access_key_id);
  return credentials;
}

absl::StatusOr<TemporaryPrincipal> SessionTokens::Open(std::string_view access_key_id,
                                                       std::string_view token) const {
  if (token.size() > kSessionTokenSizeMax) return absl::InvalidArgumentError("token: too large");
  const std::optional<std::string> sealed = engine::crypto::DecodeBase64(token);
  if (!sealed.has_value()) return absl::InvalidArgumentError("token: not Base64");
  const absl::StatusOr<std::string> packed =
      engine::crypto::Open(seal_key_, AsBytes(*sealed), AsBytes(access_key_id));
  if (!packed.ok()) return absl::InvalidArgumentError("token: not made here for this key");
  return Unpack(*packed);
}

std::string SessionTokens::Secret(std::string_view access_key_id) const {
  const engine::crypto::Sha256Digest digest =
      engine::crypto::HmacSha256(ByteView(secret_key_), AsBytes(access_key_id));
  return engine::crypto::EncodeBase64(ByteView(digest).first(kSecretSize));
}

}  // namespace relay
