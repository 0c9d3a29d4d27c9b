#include "engine/crypto/aead.h"

#include <openssl/aead.h>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/crypto/openssl_text.h"
#include "engine/crypto/random_bytes.h"

namespace engine::crypto {
namespace {

constexpr char kVersion = 1;
constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;
static_assert(kSealOverhead == 1 + kNonceSize + kTagSize);

void Begin(EVP_AEAD_CTX* context, const MasterKey& key) {
  CHECK(EVP_AEAD_CTX_init(context, EVP_aead_aes_256_gcm(), Octets(key), key.size(), kTagSize,
                          nullptr));
}

}  // namespace

std::string Seal(const MasterKey& key, ByteView secret, ByteView associated) {
  CHECK(secret.size() <= kSealedSecretSizeMax);
  std::string sealed(secret.size() + kSealOverhead, '\0');
  sealed[0] = kVersion;
  const std::span<std::byte> out(reinterpret_cast<std::byte*>(sealed.data()), sealed.size());
  const std::span<std::byte> nonce = out.subspan(1, kNonceSize);
  const std::span<std::byte> body = out.subspan(1 + kNonceSize);
  FillRandom(nonce);

  bssl::ScopedEVP_AEAD_CTX context;
  Begin(context.get(), key);
  size_t size = 0;
  CHECK(EVP_AEAD_CTX_seal(context.get(), MutableOctets(body), &size, body.size(), Octets(nonce),
                          nonce.size(), Octets(secret), secret.size(), Octets(associated),
                          associated.size()));
  CHECK(size == body.size());
  return sealed;
}

absl::StatusOr<std::string> Open(const MasterKey& key, ByteView sealed, ByteView associated) {
  if (sealed.size() < kSealOverhead || sealed.size() > kSealedSecretSizeMax + kSealOverhead ||
      sealed[0] != std::byte{kVersion}) {
    return absl::InvalidArgumentError("this is not a sealed secret");
  }
  const ByteView nonce = sealed.subspan(1, kNonceSize);
  const ByteView body = sealed.subspan(1 + kNonceSize);
  std::string secret(body.size(), '\0');

  bssl::ScopedEVP_AEAD_CTX context;
  Begin(context.get(), key);
  size_t size = 0;
  if (!EVP_AEAD_CTX_open(context.get(), reinterpret_cast<uint8_t*>(secret.data()), &size,
                         secret.size(), Octets(nonce), nonce.size(), Octets(body), body.size(),
                         Octets(associated), associated.size())) {
    ERR_clear_error();
    return absl::PermissionDeniedError(
        "a sealed secret cannot be opened: the master key is another one, or the stored bytes were "
        "changed or moved");
  }
  secret.resize(size);
  return secret;
}

}  // namespace engine::crypto
