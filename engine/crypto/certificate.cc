#include "engine/crypto/certificate.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <optional>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/crypto/openssl_text.h"

namespace engine::crypto {
namespace {

constexpr size_t kChainPemSizeMax = kChainCountMax * kPemSizeMax;

absl::Status NotACertificate() {
  ERR_clear_error();
  return absl::InvalidArgumentError("not a well-formed X.509 certificate");
}

std::optional<int64_t> UnixSeconds(const ASN1_TIME* time) {
  bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  CHECK(epoch != nullptr);
  int days = 0;
  int seconds = 0;
  if (!ASN1_TIME_diff(&days, &seconds, epoch.get(), time)) return std::nullopt;
  return int64_t{days} * 86400 + seconds;
}

std::string SerialText(const ASN1_INTEGER* serial) {
  bssl::UniquePtr<BIGNUM> number(ASN1_INTEGER_to_BN(serial, nullptr));
  if (number == nullptr) return {};
  char* hex = BN_bn2hex(number.get());
  CHECK(hex != nullptr);
  std::string text(hex);
  OPENSSL_free(hex);
  for (char& digit : text) {
    if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  }
  const size_t first = text.find_first_not_of('0');
  return first == std::string::npos ? "0" : text.substr(first);
}

std::string CommonName(X509_NAME* name) {
  int found = -1;
  for (int next = -1; (next = X509_NAME_get_index_by_NID(name, NID_commonName, next)) >= 0;) {
    found = next;
  }
  if (found < 0) return {};
  uint8_t* utf8 = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, found)));
  if (size < 0) return {};
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

std::string_view View(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<size_t>(ASN1_STRING_length(string))};
}

std::string AddressText(std::string_view octets) {
  char text[INET6_ADDRSTRLEN];
  if (octets.size() != 4 && octets.size() != 16) return {};
  const int family = octets.size() == 4 ? AF_INET : AF_INET6;
  return inet_ntop(family, octets.data(), text, sizeof(text)) == nullptr ? "" : text;
}

// A name with a zero byte in it is a trick on whoever compares C strings: it is left out.
void AddName(std::string_view name, std::vector<std::string>& names) {
  if (!name.empty() && name.find('\0') == std::string_view::npos) names.emplace_back(name);
}

}  // namespace

absl::StatusOr<Certificate> Certificate::FromDer(ByteView der) {
  if (der.size() > kCertificateSizeMax) {
    return absl::InvalidArgumentError("a certificate larger than any real one");
  }
  const uint8_t* cursor = Octets(der);
  bssl::UniquePtr<X509> x509(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  if (x509 == nullptr || cursor != Octets(der) + der.size()) return NotACertificate();

  Certificate certificate;
  certificate.der_.assign(AsText(der));
  certificate.fingerprint_ = Sha256(der);
  X509_PUBKEY* key = X509_get_X509_PUBKEY(x509.get());
  uint8_t* key_der = nullptr;
  const int key_size = i2d_X509_PUBKEY(key, &key_der);
  if (key_size <= 0) return NotACertificate();
  certificate.key_fingerprint_ =
      Sha256({reinterpret_cast<const std::byte*>(key_der), static_cast<size_t>(key_size)});
  OPENSSL_free(key_der);

  const std::optional<int64_t> not_before = UnixSeconds(X509_get0_notBefore(x509.get()));
  const std::optional<int64_t> not_after = UnixSeconds(X509_get0_notAfter(x509.get()));
  if (!not_before.has_value() || !not_after.has_value()) return NotACertificate();
  certificate.not_before_ = *not_before;
  certificate.not_after_ = *not_after;
  certificate.common_name_ = CommonName(X509_get_subject_name(x509.get()));
  certificate.serial_ = SerialText(X509_get0_serialNumber(x509.get()));
  certificate.is_authority_ = X509_check_ca(x509.get()) == 1;

  int critical = 0;
  bssl::UniquePtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(x509.get(), NID_subject_alt_name, &critical, nullptr)));
  // -1 says that there is none; anything else without a value, that there is one nobody can read.
  if (names == nullptr && critical != -1) return NotACertificate();
  for (size_t i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    switch (name->type) {
      case GEN_DNS:
        AddName(View(name->d.dNSName), certificate.dns_names_);
        break;
      case GEN_URI:
        AddName(View(name->d.uniformResourceIdentifier), certificate.uris_);
        break;
      case GEN_IPADD:
        AddName(AddressText(View(name->d.iPAddress)), certificate.addresses_);
        break;
      default:
        break;
    }
  }
  ERR_clear_error();
  return certificate;
}

absl::StatusOr<std::vector<Certificate>> Certificate::ChainFromPem(std::string_view pem) {
  if (pem.size() > kChainPemSizeMax) {
    return absl::InvalidArgumentError("a PEM text larger than any real chain of certificates");
  }
  bssl::UniquePtr<BIO> bio = ReadOnlyBio(pem);
  std::vector<Certificate> chain;
  char* name = nullptr;
  char* header = nullptr;
  uint8_t* data = nullptr;
  long size = 0;
  while (PEM_read_bio(bio.get(), &name, &header, &data, &size)) {
    bssl::UniquePtr<char> name_owner(name);
    bssl::UniquePtr<char> header_owner(header);
    bssl::UniquePtr<uint8_t> data_owner(data);
    if (std::string_view(name) != PEM_STRING_X509) continue;
    if (chain.size() == kChainCountMax) {
      return absl::InvalidArgumentError("a chain of more certificates than any real one has");
    }
    absl::StatusOr<Certificate> certificate =
        FromDer({reinterpret_cast<const std::byte*>(data), static_cast<size_t>(size)});
    if (!certificate.ok()) return certificate.status();
    chain.push_back(*std::move(certificate));
  }
  const uint32_t error = ERR_peek_last_error();
  ERR_clear_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end || chain.empty()) {
    return absl::InvalidArgumentError("not a certificate in PEM (-----BEGIN CERTIFICATE-----)");
  }
  return chain;
}

absl::StatusOr<Certificate> Certificate::FromPem(std::string_view pem) {
  absl::StatusOr<std::vector<Certificate>> chain = ChainFromPem(pem);
  if (!chain.ok()) return chain.status();
  return std::move(chain->front());
}

std::string Certificate::Pem() const {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  CHECK(bio != nullptr);
  CHECK(PEM_write_bio(bio.get(), PEM_STRING_X509, "", Octets(AsBytes(der_)),
                      static_cast<long>(der_.size())));
  return TakeText(bio.get());
}

std::string Certificate::hex_fingerprint() const { return ToHex(fingerprint_); }

bool KeyMatches(const Certificate& certificate, const PrivateKey& key) {
  return certificate.key_fingerprint() == key.PublicFingerprint();
}

}  // namespace engine::crypto
