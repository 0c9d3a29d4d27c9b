#include "relay/keys/key_provider.h"

#include <algorithm>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/crypto/aead.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/random_bytes.h"
#include "relay/access/resource_arn.h"
#include "relay/store/iam_store.h"
#include "relay/store/store.h"

namespace relay::keys {
namespace {

using engine::AsBytes;
using engine::ByteView;

// version (1 byte) | size of the name (2 bytes) | name | what engine::crypto::Seal makes
constexpr std::byte kVersion{1};
constexpr size_t kHeadSize = 3;

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == ':';
  });
}

engine::crypto::MasterKey KeyOf(const engine::crypto::Sha256Digest& root, std::string_view name) {
  return engine::crypto::HmacSha256(root, AsBytes(name));
}

}  // namespace

std::optional<std::string> KeyArn(std::string_view key_id) {
  constexpr std::string_view kArn = "arn:aws:kms:";
  if (key_id.size() > kKeyIdSizeMax || !IsName(key_id)) return std::nullopt;
  if (!key_id.starts_with("arn:")) {
    const bool is_alias = key_id.starts_with("alias/");
    if (key_id == "alias/" || (!is_alias && key_id.find_first_of(":/") != key_id.npos)) {
      return std::nullopt;
    }
    std::string arn(kArn);
    arn.append(kRegion).append(":").append(kAccountId).append(is_alias ? ":" : ":key/");
    return arn.append(key_id);
  }
  if (!key_id.starts_with(kArn)) return std::nullopt;
  const size_t region_end = key_id.find(':', kArn.size());
  if (region_end == key_id.npos || region_end == kArn.size()) return std::nullopt;
  std::string_view rest = key_id.substr(region_end + 1);
  if (!rest.starts_with(kAccountId)) return std::nullopt;  // Another account's.
  rest.remove_prefix(kAccountId.size());
  const bool is_key = rest.starts_with(":key/") && rest.size() > 5;
  const bool is_alias = rest.starts_with(":alias/") && rest.size() > 7;
  if (!is_key && !is_alias) return std::nullopt;
  return std::string(key_id);
}

KeyProvider::KeyProvider(const Store& store) : root_(store.DeriveKey("keys of the key provider")) {}

KeyProvider::~KeyProvider() { engine::crypto::Cleanse(root_); }

DataKey KeyProvider::Generate(std::string_view key_arn, const EncryptionContext& context,
                              size_t size) const {
  CHECK(size >= 1);
  CHECK(size <= kPlaintextSizeMax);
  CHECK(key_arn.size() <= kKeyIdSizeMax + kKeyIdSizeMax);
  DataKey made;
  made.plaintext.resize(size);
  engine::crypto::FillRandom(std::as_writable_bytes(std::span(made.plaintext)));
  made.ciphertext.push_back(static_cast<char>(kVersion));
  made.ciphertext.push_back(static_cast<char>(key_arn.size() >> 8));
  made.ciphertext.push_back(static_cast<char>(key_arn.size() & 0xff));
  made.ciphertext.append(key_arn);
  made.ciphertext += engine::crypto::Seal(KeyOf(root_, key_arn), AsBytes(made.plaintext),
                                          AsBytes(CanonicalContext(context)));
  return made;
}

std::string_view KeyProvider::NameIn(ByteView ciphertext) {
  if (ciphertext.size() < kHeadSize || ciphertext[0] != kVersion) return {};
  const auto size = engine::LoadBig<uint16_t>(ciphertext.data() + 1);
  if (ciphertext.size() - kHeadSize < size) return {};
  const std::string_view name = engine::AsText(ciphertext.subspan(kHeadSize, size));
  return IsName(name) ? name : std::string_view();
}

absl::StatusOr<std::string> KeyProvider::Open(ByteView ciphertext,
                                              const EncryptionContext& context) const {
  const absl::Status none =
      absl::InvalidArgumentError("not a data key of this relay, or not for this context");
  const std::string_view name = NameIn(ciphertext);
  if (name.empty() || ciphertext.size() > kCiphertextSizeMax) return none;
  absl::StatusOr<std::string> plaintext =
      engine::crypto::Open(KeyOf(root_, name), ciphertext.subspan(kHeadSize + name.size()),
                           AsBytes(CanonicalContext(context)));
  if (!plaintext.ok()) return none;
  return plaintext;
}

}  // namespace relay::keys
