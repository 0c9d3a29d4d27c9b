#include "relay/access/session_tokens.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "engine/crypto/base64.h"
#include "engine/crypto/constant_time.h"
#include "relay/access/strict_members.h"
#include "relay/access/temporary_session_json.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using engine::AsBytes;
using engine::ByteView;
using Json = nlohmann::json;

constexpr size_t kSecretSize = 30;  // 40 characters, as AWS's have.

std::string Pack(const TemporaryPrincipal& principal) {
  Json json = ToJson(principal.session);
  json["id"] = principal.entity_id;
  json["key"] = principal.issuer_key_id;
  json["until"] = principal.expires_unix_ms;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Unpack reads what Pack wrote. Nobody else can have written it, but another release may have.
absl::StatusOr<TemporaryPrincipal> Unpack(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  TemporaryPrincipal principal;
  StrictMembers members(json);
  members.Text("id", principal.entity_id)
      .Text("key", principal.issuer_key_id)
      .Number("until", principal.expires_unix_ms);
  if (!members.ok() || principal.entity_id.empty() || !ReadSession(json, principal.session)) {
    return absl::InvalidArgumentError("token: a session of another release");
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
