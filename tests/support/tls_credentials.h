// A certificate authority for tests, and what it issues, around one fixed time.

#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "engine/base/check.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"
#include "engine/tls/tls_context.h"

namespace engine::test {

inline constexpr int64_t kTestNow = 1'800'000'000;
inline constexpr int64_t kTestDay = 86400;
inline constexpr crypto::Validity kTestYear = {kTestNow - kTestDay, kTestNow + 365 * kTestDay};

inline UnixClock TestClock() {
  return [] { return kTestNow; };
}

// Must takes the value out of a StatusOr that cannot fail here.
template <class Value>
Value Must(absl::StatusOr<Value> value) {
  CHECK(value.ok());
  return *std::move(value);
}

class TestAuthority {
 public:
  explicit TestAuthority(std::string name = "Test CA")
      : issuer_(Make(crypto::PrivateKey::Generate(), std::move(name))) {}

  const crypto::Issuer& issuer() const { return issuer_; }
  std::string Pem() const { return issuer_.certificate.Pem(); }

  // ServerIdentity holds the server's certificate and this authority's.
  TlsIdentity ServerIdentity(crypto::ServerNames names = {"relay",
                                                          {"relay.test", "adit-relay.internal"},
                                                          {"127.0.0.1", "::1"}},
                             crypto::Validity validity = kTestYear) const {
    const crypto::PrivateKey key = crypto::PrivateKey::Generate();
    const crypto::Certificate certificate =
        Must(crypto::IssueServer(issuer_, key, names, validity));
    return {certificate.Pem() + Pem(), key.Pem()};
  }

  TlsIdentity ClientIdentity(const std::string& name = "mi-0123456789abcdef0",
                             crypto::Validity validity = kTestYear) const {
    const crypto::PrivateKey key = crypto::PrivateKey::Generate();
    const std::string request = Must(crypto::CreateSigningRequest(key, name));
    return {Must(crypto::IssueClient(issuer_, request, name, validity)).Pem(), key.Pem()};
  }

 private:
  static crypto::Issuer Make(crypto::PrivateKey key, std::string name) {
    crypto::Certificate certificate = Must(
        crypto::CreateAuthority(key, name, {kTestNow - 30 * kTestDay, kTestNow + 3650 * kTestDay}));
    return {std::move(certificate), std::move(key)};
  }

  crypto::Issuer issuer_;
};

}  // namespace engine::test
