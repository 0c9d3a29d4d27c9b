#include "engine/crypto/rsa_public_key.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <utility>

#include "absl/status/status.h"
#include "engine/crypto/openssl_text.h"

namespace engine::crypto {
namespace {

constexpr unsigned kBitsMin = 2048;
constexpr unsigned kBitsMax = 8192;

}  // namespace

absl::StatusOr<RsaPublicKey> RsaPublicKey::FromDer(ByteView der) {
  const absl::Status refused =
      absl::InvalidArgumentError("not an RSA public key of 2,048 to 8,192 bits (DER)");
  if (der.size() > kRsaPublicKeySizeMax) return refused;
  CBS input;
  CBS_init(&input, Octets(der), der.size());
  const bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&input));
  ERR_clear_error();
  if (key == nullptr || CBS_len(&input) != 0) return refused;
  RSA* rsa = EVP_PKEY_get1_RSA(key.get());
  ERR_clear_error();
  if (rsa == nullptr) return refused;
  std::shared_ptr<RSA> shared(rsa, RSA_free);
  if (RSA_bits(rsa) < kBitsMin || RSA_bits(rsa) > kBitsMax) return refused;
  return RsaPublicKey(std::move(shared));
}

bool RsaPublicKey::VerifiesPss(const Sha256Digest& digest, ByteView signature) const {
  const int verified =
      RSA_verify_pss_mgf1(key_.get(), Octets(digest), digest.size(), EVP_sha256(), EVP_sha256(),
                          static_cast<int>(digest.size()), Octets(signature), signature.size());
  ERR_clear_error();
  return verified == 1;
}

}  // namespace engine::crypto
