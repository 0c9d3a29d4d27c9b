// Goal: certificates say what they were asked to say, foreign ones are read or refused, never more.
// Method: issue, read back, and spoil: every byte of a certificate and of a request.

#include "engine/crypto/certificate.h"

#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/tls_credentials.h"

namespace engine::crypto {
namespace {

using ::engine::test::kTestDay;
using ::engine::test::kTestNow;
using ::engine::test::kTestYear;
using ::engine::test::Must;
using ::engine::test::TestAuthority;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A self-signed certificate of another maker, with a URI, an IPv6 address and an organisation.
constexpr std::string_view kForeign = R"(subject=whatever stands before is skipped
-----BEGIN CERTIFICATE-----
MIIB8zCCAZqgAwIBAgIBHzAKBggqhkjOPQQDAjApMRAwDgYDVQQKDAdGb3JlaWdu
MRUwEwYDVQQDDAxmb3JlaWduLnRlc3QwHhcNMjYxMTI0MDQzNzE1WhcNMzYxMTIx
MDQzNzE1WjApMRAwDgYDVQQKDAdGb3JlaWduMRUwEwYDVQQDDAxmb3JlaWduLnRl
c3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAThNqAjn+5R8aegULoYSkj/J0ZW
iHeX30HKejnOX3UXAjBLz/B+szqb5MuUpfNJ6rpHdDPsO2NRddCmjPxOGpfmo4Gy
MIGvMB0GA1UdDgQWBBS/xauGae0B6oMOKcPoJ4h7vsW3QTAfBgNVHSMEGDAWgBS/
xauGae0B6oMOKcPoJ4h7vsW3QTAPBgNVHRMBAf8EBTADAQH/MFwGA1UdEQRVMFOC
DGZvcmVpZ24udGVzdIIOKi5mb3JlaWduLnRlc3SHEAAAAAAAAAAAAAAAAAAAAAGG
F3NwaWZmZTovL2ZvcmVpZ24udGVzdC94gQhhQGIudGVzdDAKBggqhkjOPQQDAgNH
ADBEAiBmSHxXxMVCzTzgj17y2CaUxD9ZCTRYkKPz6n75eIFD4wIgf/uZjxHX52qG
MpommvK7g4Jb4wp1nK42HX21wGX6jXE=
-----END CERTIFICATE-----
)";

TEST(CertificateTest, AnAuthoritySaysSo) {
  const TestAuthority authority("Adit CA é漢");
  const Certificate& certificate = authority.issuer().certificate;
  EXPECT_TRUE(certificate.is_authority());
  EXPECT_EQ(certificate.common_name(), "Adit CA é漢");
  EXPECT_EQ(certificate.not_before(), kTestNow - 30 * kTestDay);
  EXPECT_EQ(certificate.not_after(), kTestNow + 3650 * kTestDay);
  EXPECT_EQ(certificate.serial().size(), 32u);
  EXPECT_TRUE(KeyMatches(certificate, authority.issuer().key));
  EXPECT_FALSE(KeyMatches(certificate, PrivateKey::Generate()));
}

TEST(CertificateTest, AServersNamesComeBack) {
  const TestAuthority authority;
  const Certificate certificate = Must(IssueServer(
      authority.issuer(), PrivateKey::Generate(),
      {"relay", {"relay.test", "adit-relay.internal"}, {"192.0.2.7", "2001:DB8::1"}}, kTestYear));
  EXPECT_FALSE(certificate.is_authority());
  EXPECT_EQ(certificate.common_name(), "relay");
  EXPECT_THAT(certificate.dns_names(), ElementsAre("relay.test", "adit-relay.internal"));
  EXPECT_THAT(certificate.addresses(), ElementsAre("192.0.2.7", "2001:db8::1"));
  EXPECT_EQ(certificate.not_before(), kTestYear.not_before);
  EXPECT_EQ(certificate.not_after(), kTestYear.not_after);
}

TEST(CertificateTest, AClientGetsTheNameThatTheIssuerGivesAndNothingElse) {
  const TestAuthority authority;
  const PrivateKey key = PrivateKey::Generate();
  const std::string request = Must(CreateSigningRequest(key, "please-make-me-root"));
  const Certificate certificate =
      Must(IssueClient(authority.issuer(), request, "mi-0123456789abcdef0", kTestYear));
  EXPECT_EQ(certificate.common_name(), "mi-0123456789abcdef0");
  EXPECT_THAT(certificate.dns_names(), IsEmpty());
  EXPECT_FALSE(certificate.is_authority());
  EXPECT_EQ(certificate.key_fingerprint(), key.PublicFingerprint());
}

TEST(CertificateTest, SerialsAreUnique) {
  const TestAuthority authority;
  const std::string request = Must(CreateSigningRequest(PrivateKey::Generate(), "x"));
  EXPECT_NE(Must(IssueClient(authority.issuer(), request, "x", kTestYear)).serial(),
            Must(IssueClient(authority.issuer(), request, "x", kTestYear)).serial());
}

TEST(CertificateTest, PemAndDerAreTheSameCertificate) {
  const TestAuthority authority;
  const Certificate& certificate = authority.issuer().certificate;
  const Certificate from_pem = Must(Certificate::FromPem(certificate.Pem()));
  EXPECT_EQ(from_pem.der(), certificate.der());
  EXPECT_EQ(from_pem.fingerprint(), certificate.fingerprint());
  EXPECT_EQ(certificate.hex_fingerprint(), HexSha256(AsBytes(certificate.der())));
  const Certificate from_der = Must(Certificate::FromDer(AsBytes(certificate.der())));
  EXPECT_EQ(from_der.Pem(), certificate.Pem());
}

TEST(CertificateTest, AChainIsReadInOrderAroundOtherText) {
  const TestAuthority one("one"), two("two");
  const std::vector<Certificate> chain = Must(Certificate::ChainFromPem(
      "a comment\n" + one.Pem() + one.issuer().key.Pem() + "\n\n" + two.Pem()));
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(chain[0].common_name(), "one");
  EXPECT_EQ(chain[1].common_name(), "two");
}

TEST(CertificateTest, WhatIsNotAChainIsRefused) {
  const TestAuthority authority;
  EXPECT_FALSE(Certificate::ChainFromPem("").ok());
  EXPECT_FALSE(Certificate::ChainFromPem("hello").ok());
  EXPECT_FALSE(Certificate::ChainFromPem(authority.issuer().key.Pem()).ok());
  EXPECT_FALSE(Certificate::ChainFromPem(authority.Pem().substr(0, 300)).ok());
  std::string many;
  for (size_t i = 0; i <= kChainCountMax; ++i) many += authority.Pem();
  EXPECT_FALSE(Certificate::ChainFromPem(many).ok());
  EXPECT_FALSE(Certificate::ChainFromPem(std::string(2 * 1024 * 1024, 'x')).ok());
}

TEST(CertificateTest, BytesAfterACertificateAreRefused) {
  const TestAuthority authority;
  EXPECT_FALSE(Certificate::FromDer(AsBytes(authority.issuer().certificate.der() + "x")).ok());
  EXPECT_FALSE(Certificate::FromDer(AsBytes(std::string(kCertificateSizeMax + 1, '0'))).ok());
}

TEST(CertificateTest, ASpoiltCertificateIsReadOrRefusedAndNothingElse) {
  const TestAuthority authority;
  const std::string der = Must(IssueServer(authority.issuer(), PrivateKey::Generate(),
                                           {"relay", {"relay.test"}, {"127.0.0.1"}}, kTestYear))
                              .der();
  for (size_t i = 0; i < der.size(); ++i) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      std::string spoilt = der;
      spoilt[i] = static_cast<char>(spoilt[i] ^ change);
      const absl::StatusOr<Certificate> read = Certificate::FromDer(AsBytes(spoilt));
      if (read.ok()) {
        EXPECT_NE(read->fingerprint(), Sha256(AsBytes(der)));
      }
    }
    EXPECT_FALSE(Certificate::FromDer(AsBytes(der).first(i)).ok());
  }
}

TEST(CertificateTest, ARequestThatItsKeyDidNotSignIsRefused) {
  const TestAuthority authority;
  const std::string request = Must(CreateSigningRequest(PrivateKey::Generate(), "mi-1"));
  const size_t begin = request.find('\n') + 1;
  std::string body = request.substr(begin, request.find("-----END") - begin);
  std::erase(body, '\n');
  const std::string der = DecodeBase64(body).value();
  size_t refused_signature = 0;
  for (size_t i = 0; i < der.size(); ++i) {
    std::string spoilt = der;
    spoilt[i] = static_cast<char>(spoilt[i] ^ 1);
    const std::string pem = "-----BEGIN CERTIFICATE REQUEST-----\n" +
                            EncodeBase64(AsBytes(spoilt)) + "\n-----END CERTIFICATE REQUEST-----\n";
    const absl::Status status = IssueClient(authority.issuer(), pem, "mi-1", kTestYear).status();
    EXPECT_FALSE(status.ok()) << i;
    if (status.message().find("not signed by its own key") != absl::string_view::npos) {
      ++refused_signature;
    }
  }
  EXPECT_GT(refused_signature, 50u);
}

TEST(CertificateTest, OtherTextIsNotARequest) {
  const TestAuthority authority;
  for (const std::string& text :
       {std::string(), std::string("hello"), authority.Pem(), std::string(kPemSizeMax + 1, 'x')}) {
    EXPECT_FALSE(IssueClient(authority.issuer(), text, "mi-1", kTestYear).ok());
  }
}

TEST(CertificateTest, NamesThatCannotBeInACertificateAreRefused) {
  const TestAuthority authority;
  const PrivateKey key = PrivateKey::Generate();
  const auto status = [&](const ServerNames& names) {
    return IssueServer(authority.issuer(), key, names, kTestYear).status();
  };
  EXPECT_THAT(std::string(status({"x", {"a b"}, {}}).message()), HasSubstr("a b"));
  EXPECT_FALSE(status({"x", {""}, {}}).ok());
  EXPECT_FALSE(status({"x", {std::string(254, 'a')}, {}}).ok());
  EXPECT_FALSE(status({"x", {}, {"1.2.3"}}).ok());
  EXPECT_FALSE(status({"x", {}, {}}).ok());
  EXPECT_FALSE(status({"", {"a.test"}, {}}).ok());
  EXPECT_FALSE(status({std::string(65, 'x'), {"a.test"}, {}}).ok());
  EXPECT_FALSE(status({std::string("a\0b", 3), {"a.test"}, {}}).ok());
  EXPECT_FALSE(status({"\xff\xfe", {"a.test"}, {}}).ok());
}

TEST(CertificateTest, TimesThatCannotBeInACertificateAreRefused) {
  const TestAuthority authority;
  const PrivateKey key = PrivateKey::Generate();
  const auto issue = [&](Validity validity) {
    return IssueServer(authority.issuer(), key, {"x", {"a.test"}, {}}, validity);
  };
  EXPECT_FALSE(issue({kTestNow, kTestNow - 1}).ok());
  EXPECT_FALSE(issue({-1, kTestNow}).ok());
  EXPECT_FALSE(issue({kTestNow, 253402300800}).ok());
  // Beyond 2050 certificates write years with four digits.
  EXPECT_EQ(Must(issue({kTestNow, 253402300799})).not_after(), 253402300799);
}

TEST(KeyTest, AKeyComesBackFromItsPem) {
  const PrivateKey key = PrivateKey::Generate();
  const PrivateKey again = Must(PrivateKey::FromPem(key.Pem()));
  EXPECT_EQ(again.PublicDer(), key.PublicDer());
  EXPECT_EQ(again.PublicFingerprint(), Sha256(AsBytes(key.PublicDer())));
  EXPECT_NE(key.PublicDer(), PrivateKey::Generate().PublicDer());
}

TEST(KeyTest, WhatIsNotAKeyIsRefused) {
  const TestAuthority authority;
  for (const std::string& text :
       {std::string(), std::string("hello"), authority.Pem(), std::string(kPemSizeMax + 1, 'x')}) {
    EXPECT_FALSE(PrivateKey::FromPem(text).ok());
  }
}

TEST(CertificateTest, AForeignCertificateIsRead) {
  const Certificate certificate = Must(Certificate::FromPem(kForeign));
  EXPECT_EQ(certificate.common_name(), "foreign.test");
  EXPECT_EQ(certificate.serial(), "1f");
  EXPECT_THAT(certificate.dns_names(), ElementsAre("foreign.test", "*.foreign.test"));
  EXPECT_THAT(certificate.addresses(), ElementsAre("::1"));
  EXPECT_THAT(certificate.uris(), ElementsAre("spiffe://foreign.test/x"));
  EXPECT_EQ(certificate.hex_fingerprint(),
            "babb4a766d08f3f2aa22afec156684fe881047c2c011715ec1c4733b1c2eb648");
}

}  // namespace
}  // namespace engine::crypto
