#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"

struct evp_pkey_st;  // BoringSSL's EVP_PKEY; only engine/crypto and engine/tls look inside.

namespace engine::crypto {

// The largest PEM text of a key or of one certificate that is read: foreign text, bounded work.
inline constexpr size_t kPemSizeMax = 64 * 1024;

// PrivateKey is an ECDSA key on P-256. Copies share one immutable key, which any thread may use.
class PrivateKey {
 public:
  // Generate makes a new key.
  static PrivateKey Generate();

  // FromPem reads one unencrypted key in PKCS #8 or SEC 1 form. RSA keys of 2,048 to 8,192 bits and
  // other curves are read too, for an operator's own certificate. InvalidArgument: anything else.
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem);

  // Pem returns the key as PKCS #8 PEM. It is a secret: write it only to files of mode 0600.
  std::string Pem() const;

  // PublicDer returns the public half as a DER SubjectPublicKeyInfo.
  std::string PublicDer() const;

  // PublicFingerprint is the SHA-256 of PublicDer().
  Sha256Digest PublicFingerprint() const;

  evp_pkey_st* native() const { return key_.get(); }

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace engine::crypto
