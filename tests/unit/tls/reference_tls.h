// BoringSSL by itself, over memory: the other end that a channel of ours is compared with.

#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/crypto/openssl_text.h"
#include "engine/tls/tls_settings.h"
#include "gtest/gtest.h"
#include "tests/support/tls_credentials.h"

namespace engine::test {

// PreferAes256 makes a handshake between two such contexts agree on AES-256-GCM: for TLS 1.3 there
// is no list of suites to set.
inline void PreferAes256(SSL_CTX* context) {
#if defined(SSL_CURVE_CECPQ2)
  const int group = NID_CECPQ2;
  ASSERT_EQ(SSL_CTX_set1_curves(context, &group, 1), 1);
#else
  ASSERT_EQ(SSL_CTX_set_compliance_policy(context, ssl_compliance_policy_wpa3_192_202304), 1);
#endif
}

class ReferenceTls {
 public:
  // A server with a certificate of `authority`, which also hands out tickets, or a client that
  // believes everybody.
  ReferenceTls(TlsRole role, const TestAuthority& authority, bool aes_256)
      : context_(SSL_CTX_new(TLS_method())) {
    SSL_CTX* context = context_.get();
    CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION));
    if (aes_256) PreferAes256(context);
    if (role == TlsRole::kServer) {
      const TlsIdentity identity = authority.ServerIdentity();
      bssl::UniquePtr<BIO> pem = crypto::ReadOnlyBio(identity.certificate_chain_pem);
      bssl::UniquePtr<X509> leaf(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
      CHECK(SSL_CTX_use_certificate(context, leaf.get()));
      bssl::UniquePtr<X509> issuer(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
      CHECK(SSL_CTX_add1_chain_cert(context, issuer.get()));
      bssl::UniquePtr<BIO> key_pem = crypto::ReadOnlyBio(identity.private_key_pem);
      bssl::UniquePtr<EVP_PKEY> key(
          PEM_read_bio_PrivateKey(key_pem.get(), nullptr, nullptr, nullptr));
      CHECK(SSL_CTX_use_PrivateKey(context, key.get()));
    }
    ssl_.reset(SSL_new(context));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_bio(ssl_.get(), in_, out_);
    if (role == TlsRole::kServer) {
      SSL_set_accept_state(ssl_.get());
    } else {
      SSL_set_connect_state(ssl_.get());
    }
  }

  SSL* ssl() { return ssl_.get(); }

  // Give hands it ciphertext; Take returns what it has to send.
  void Give(ByteView bytes) {
    ASSERT_EQ(BIO_write(in_, bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
  }
  std::string Take() {
    std::string text = crypto::TakeText(out_);
    BIO_reset(out_);
    return text;
  }

  // Pump goes on with the handshake and reads what can be read. It returns BoringSSL's error at the
  // end: SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN, or SSL_ERROR_SSL, for which reason() is why.
  int Pump() {
    ERR_clear_error();
    for (;;) {
      char bytes[kTlsRecordPlaintextMax];
      const int size = SSL_read(ssl_.get(), bytes, sizeof(bytes));
      if (size <= 0) {
        const int error = SSL_get_error(ssl_.get(), size);
        reason_ = ERR_GET_REASON(ERR_peek_error());
        ERR_clear_error();
        return error;
      }
      received.append(bytes, static_cast<size_t>(size));
    }
  }
  int reason() const { return reason_; }
  // The alert that it got, or -1.
  int alert() const {
    return reason_ >= SSL_AD_REASON_OFFSET ? reason_ - SSL_AD_REASON_OFFSET : -1;
  }

  void Write(std::string_view text) {
    ASSERT_EQ(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }

  std::string received;

 private:
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL> ssl_;
  BIO* in_;   // Owned by ssl_.
  BIO* out_;  // Owned by ssl_.
  int reason_ = 0;
};

}  // namespace engine::test
