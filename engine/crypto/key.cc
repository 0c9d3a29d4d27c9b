#include "engine/crypto/key.h"

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/crypto/openssl_text.h"

namespace engine::crypto {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;

std::shared_ptr<EVP_PKEY> Shared(bssl::UniquePtr<EVP_PKEY> key) {
  return std::shared_ptr<EVP_PKEY>(key.release(), EVP_PKEY_free);
}

// No password is ever asked for on a terminal.
int NoPassword(char*, int, int, void*) { return 0; }

bool Usable(const EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_EC:
      return true;
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_bits(key);
      return bits >= kRsaBitsMin && bits <= kRsaBitsMax;
    }
    default:
      return false;
  }
}

}  // namespace

PrivateKey PrivateKey::Generate() {
  bssl::UniquePtr<EC_KEY> curve_key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  CHECK(curve_key != nullptr);
  CHECK(EC_KEY_generate_key(curve_key.get()));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  CHECK(key != nullptr);
  CHECK(EVP_PKEY_set1_EC_KEY(key.get(), curve_key.get()));
  return PrivateKey(Shared(std::move(key)));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  if (pem.size() > kPemSizeMax) return absl::InvalidArgumentError("a private key of this size");
  bssl::UniquePtr<BIO> bio = ReadOnlyBio(pem);
  bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        "not an unencrypted private key in PEM (-----BEGIN PRIVATE KEY-----)");
  }
  if (!Usable(key.get())) {
    return absl::InvalidArgumentError(
        "a private key of a kind that is not used here: give an ECDSA key, or RSA with 2048 to "
        "8192 "
        "bits");
  }
  return PrivateKey(Shared(std::move(key)));
}

std::string PrivateKey::Pem() const {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  CHECK(bio != nullptr);
  CHECK(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr));
  return TakeText(bio.get());
}

std::string PrivateKey::PublicDer() const {
  return ToDer<EVP_PKEY>([](EVP_PKEY* key, uint8_t** out) { return i2d_PUBKEY(key, out); },
                         key_.get());
}

Sha256Digest PrivateKey::PublicFingerprint() const { return Sha256(AsBytes(PublicDer())); }

}  // namespace engine::crypto
