// The issuing half of certificate.h.

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <cctype>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/openssl_text.h"
#include "engine/crypto/random_bytes.h"

namespace engine::crypto {
namespace {

constexpr int64_t kUnixSecondsMax = 253402300799;  // The end of the year 9999, RFC 5280's last.
constexpr size_t kSerialSize = 16;                 // RFC 5280 allows 20.
constexpr size_t kKeyIdSize = 20;
constexpr size_t kDnsNameSizeMax = 253;
constexpr long kVersion3 = 2;

// Bits of keyUsage, RFC 5280, 4.2.1.3.
constexpr int kDigitalSignature = 0;
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;

enum class Kind : uint8_t { kAuthority, kServer, kClient, kSession };

struct Subject {
  std::string_view common_name;
  EVP_PKEY* key;
  const ServerNames* names = nullptr;
};

absl::Status Refused(std::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::string_view(what.data(), what.size()));
}

bool SetName(X509_NAME* name, std::string_view common_name) {
  if (common_name.find('\0') != std::string_view::npos) return false;
  return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const uint8_t*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool SetTimes(X509* x509, Validity validity) {
  if (validity.not_before < 0 || validity.not_after < validity.not_before ||
      validity.not_after > kUnixSecondsMax) {
    return false;
  }
  return ASN1_TIME_set(X509_getm_notBefore(x509), validity.not_before) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(x509), validity.not_after) != nullptr;
}

void SetSerial(X509* x509) {
  std::array<std::byte, kSerialSize> bytes;
  FillRandom(bytes);
  bytes[0] = (bytes[0] & std::byte{0x7F}) | std::byte{0x40};  // Positive, and always of one length.
  bssl::UniquePtr<BIGNUM> number(BN_bin2bn(Octets(ByteView(bytes)), bytes.size(), nullptr));
  CHECK(number != nullptr);
  CHECK(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) != nullptr);
}

void AddExtension(X509* x509, int nid, void* value, bool critical) {
  CHECK(X509_add1_ext_i2d(x509, nid, value, critical ? 1 : 0, X509V3_ADD_DEFAULT) == 1);
}

void AddBasicConstraints(X509* x509, bool authority) {
  bssl::UniquePtr<BASIC_CONSTRAINTS> constraints(BASIC_CONSTRAINTS_new());
  CHECK(constraints != nullptr);
  constraints->ca = authority ? 0xFF : 0;
  if (authority) {
    constraints->pathlen = ASN1_INTEGER_new();  // Zero: it issues end certificates only.
    CHECK(constraints->pathlen != nullptr);
    CHECK(ASN1_INTEGER_set(constraints->pathlen, 0));
  }
  AddExtension(x509, NID_basic_constraints, constraints.get(), true);
}

void AddKeyUsage(X509* x509, std::initializer_list<int> bits) {
  bssl::UniquePtr<ASN1_BIT_STRING> usage(ASN1_BIT_STRING_new());
  CHECK(usage != nullptr);
  for (const int bit : bits) CHECK(ASN1_BIT_STRING_set_bit(usage.get(), bit, 1));
  AddExtension(x509, NID_key_usage, usage.get(), true);
}

void AddPurpose(X509* x509, int nid) {
  bssl::UniquePtr<EXTENDED_KEY_USAGE> usage(sk_ASN1_OBJECT_new_null());
  CHECK(usage != nullptr);
  CHECK(sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(nid)));
  AddExtension(x509, NID_ext_key_usage, usage.get(), false);
}

bssl::UniquePtr<ASN1_OCTET_STRING> KeyId(EVP_PKEY* key) {
  const Sha256Digest digest = Sha256(AsBytes(
      ToDer<EVP_PKEY>([](EVP_PKEY* from, uint8_t** out) { return i2d_PUBKEY(from, out); }, key)));
  bssl::UniquePtr<ASN1_OCTET_STRING> id(ASN1_OCTET_STRING_new());
  CHECK(id != nullptr);
  CHECK(ASN1_OCTET_STRING_set(id.get(), Octets(ByteView(digest)), kKeyIdSize));
  return id;
}

// Without these two, a CA made anew under the same name would be tried, and fail as a forgery does.
void AddKeyIds(X509* x509, EVP_PKEY* key, EVP_PKEY* issuer_key) {
  AddExtension(x509, NID_subject_key_identifier, KeyId(key).get(), false);
  bssl::UniquePtr<AUTHORITY_KEYID> authority(AUTHORITY_KEYID_new());
  CHECK(authority != nullptr);
  authority->keyid = KeyId(issuer_key).release();
  AddExtension(x509, NID_authority_key_identifier, authority.get(), false);
}

bool ValidDnsName(std::string_view name) {
  if (name.empty() || name.size() > kDnsNameSizeMax) return false;
  for (const char letter : name) {
    const bool allowed = std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' ||
                         letter == '.' || letter == '_' || letter == '*';
    if (!allowed) return false;
  }
  return true;
}

void PushName(GENERAL_NAMES* names, int type, ByteView value) {
  bssl::UniquePtr<GENERAL_NAME> name(GENERAL_NAME_new());
  CHECK(name != nullptr);
  ASN1_STRING* string =
      ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  CHECK(string != nullptr);
  CHECK(ASN1_STRING_set(string, value.data(), static_cast<int>(value.size())));
  GENERAL_NAME_set0_value(name.get(), type, string);
  CHECK(bssl::PushToStack(names, std::move(name)));
}

absl::Status AddServerNames(X509* x509, const ServerNames& names) {
  bssl::UniquePtr<GENERAL_NAMES> list(GENERAL_NAMES_new());
  CHECK(list != nullptr);
  for (const std::string& name : names.dns_names) {
    if (!ValidDnsName(name)) return Refused("not a DNS name: " + name);
    PushName(list.get(), GEN_DNS, AsBytes(name));
  }
  for (const std::string& address : names.addresses) {
    std::array<std::byte, 16> octets;
    size_t size = 0;
    if (inet_pton(AF_INET, address.c_str(), octets.data()) == 1) {
      size = 4;
    } else if (inet_pton(AF_INET6, address.c_str(), octets.data()) == 1) {
      size = 16;
    } else {
      return Refused("not an IP address: " + address);
    }
    PushName(list.get(), GEN_IPADD, ByteView(octets).first(size));
  }
  if (sk_GENERAL_NAME_num(list.get()) == 0) return Refused("a server needs at least one name");
  AddExtension(x509, NID_subject_alt_name, list.get(), false);
  return absl::OkStatus();
}

// `issuer` is null for an authority and a session, which sign themselves.
absl::StatusOr<Certificate> Issue(Kind kind, const Subject& subject, const Issuer* issuer,
                                  const PrivateKey& signer, Validity validity) {
  bssl::UniquePtr<X509> x509(X509_new());
  CHECK(x509 != nullptr);
  CHECK(X509_set_version(x509.get(), kVersion3));
  SetSerial(x509.get());
  if (!SetTimes(x509.get(), validity)) return Refused("not a time span that certificates can have");
  if (!SetName(X509_get_subject_name(x509.get()), subject.common_name)) {
    return Refused("a common name must have 1 to 64 characters of UTF-8");
  }
  CHECK(X509_set_pubkey(x509.get(), subject.key));

  if (issuer == nullptr) {
    CHECK(X509_set_issuer_name(x509.get(), X509_get_subject_name(x509.get())));
  } else {
    const uint8_t* cursor = Octets(AsBytes(issuer->certificate.der()));
    bssl::UniquePtr<X509> authority(
        d2i_X509(nullptr, &cursor, static_cast<long>(issuer->certificate.der().size())));
    CHECK(authority != nullptr);
    CHECK(X509_set_issuer_name(x509.get(), X509_get_subject_name(authority.get())));
  }

  AddBasicConstraints(x509.get(), kind == Kind::kAuthority);
  if (kind == Kind::kAuthority) {
    AddKeyUsage(x509.get(), {kKeyCertSign, kCrlSign});
  } else {
    AddKeyUsage(x509.get(), {kDigitalSignature});
    if (kind == Kind::kServer) AddPurpose(x509.get(), NID_server_auth);
    if (kind == Kind::kClient) AddPurpose(x509.get(), NID_client_auth);
  }
  AddKeyIds(x509.get(), subject.key, signer.native());
  if (subject.names != nullptr) {
    if (absl::Status status = AddServerNames(x509.get(), *subject.names); !status.ok()) {
      return status;
    }
  }
  CHECK(X509_sign(x509.get(), signer.native(), EVP_sha256()) > 0);
  return Certificate::FromDer(AsBytes(
      ToDer<X509>([](X509* from, uint8_t** out) { return i2d_X509(from, out); }, x509.get())));
}

bool IsP256(const EVP_PKEY* key) {
  if (EVP_PKEY_id(key) != EVP_PKEY_EC) return false;
  const EC_KEY* curve_key = EVP_PKEY_get0_EC_KEY(key);
  return curve_key != nullptr &&
         EC_GROUP_get_curve_name(EC_KEY_get0_group(curve_key)) == NID_X9_62_prime256v1;
}

}  // namespace

absl::StatusOr<std::string> CreateSigningRequest(const PrivateKey& key,
                                                 std::string_view common_name) {
  bssl::UniquePtr<X509_REQ> request(X509_REQ_new());
  CHECK(request != nullptr);
  CHECK(X509_REQ_set_version(request.get(), 0));
  if (!SetName(X509_REQ_get_subject_name(request.get()), common_name)) {
    return Refused("a common name must have 1 to 64 characters of UTF-8");
  }
  CHECK(X509_REQ_set_pubkey(request.get(), key.native()));
  CHECK(X509_REQ_sign(request.get(), key.native(), EVP_sha256()) > 0);
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  CHECK(bio != nullptr);
  CHECK(PEM_write_bio_X509_REQ(bio.get(), request.get()));
  return TakeText(bio.get());
}

absl::StatusOr<Certificate> CreateAuthority(const PrivateKey& key, std::string_view common_name,
                                            Validity validity) {
  return Issue(Kind::kAuthority, {common_name, key.native()}, nullptr, key, validity);
}

absl::StatusOr<Certificate> CreateSessionCertificate(const PrivateKey& key, Validity validity) {
  return Issue(Kind::kSession, {"adit session", key.native()}, nullptr, key, validity);
}

absl::StatusOr<Certificate> IssueServer(const Issuer& issuer, const PrivateKey& key,
                                        const ServerNames& names, Validity validity) {
  return Issue(Kind::kServer, {names.common_name, key.native(), &names}, &issuer, issuer.key,
               validity);
}

absl::StatusOr<Certificate> IssueClient(const Issuer& issuer, std::string_view request_pem,
                                        std::string_view common_name, Validity validity) {
  if (request_pem.size() > kPemSizeMax)
    return Refused("a signing request larger than any real one");
  bssl::UniquePtr<BIO> bio = ReadOnlyBio(request_pem);
  bssl::UniquePtr<X509_REQ> request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (request == nullptr) {
    return Refused("not a signing request in PEM (-----BEGIN CERTIFICATE REQUEST-----)");
  }
  bssl::UniquePtr<EVP_PKEY> key(X509_REQ_get_pubkey(request.get()));
  if (key == nullptr || !IsP256(key.get())) {
    return Refused("the signing request's key is not an ECDSA key on P-256");
  }
  if (X509_REQ_verify(request.get(), key.get()) != 1) {
    return Refused("the signing request is not signed by its own key");
  }
  ERR_clear_error();
  return Issue(Kind::kClient, {common_name, key.get()}, &issuer, issuer.key, validity);
}

}  // namespace engine::crypto
