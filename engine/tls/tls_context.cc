#include "engine/tls/tls_context.h"

#include <openssl/pool.h>
#include <openssl/x509.h>

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"
#include "engine/crypto/openssl_text.h"
#include "engine/tls/tls_memory.h"
#include "engine/tls/tls_settings.h"
#include "engine/tls/tls_verify.h"

namespace engine {
namespace {

constexpr size_t kProtocolSizeMax = 255;  // RFC 7301, 3.1.

// The most that a peer's chain may take before it is verified: an attack on memory otherwise.
constexpr size_t kPeerChainSizeMax = 64 * 1024;

// Where systems keep the public authorities: Debian, Red Hat, Alpine and macOS.
constexpr std::array<const char*, 3> kSystemAuthorities = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
};

absl::Status SetProtocols(TlsSettings& settings, const std::vector<std::string>& protocols) {
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > kProtocolSizeMax) {
      return absl::InvalidArgumentError("an ALPN protocol has 1 to 255 bytes");
    }
    settings.protocols += static_cast<char>(protocol.size());
    settings.protocols += protocol;
  }
  return absl::OkStatus();
}

// The server's order decides.
int SelectProtocol(SSL*, const uint8_t** out, uint8_t* out_size, const uint8_t* offered,
                   unsigned offered_size, void* argument) {
  const std::string& ours = static_cast<const TlsSettings*>(argument)->protocols;
  uint8_t* selected = nullptr;
  const int result =
      SSL_select_next_proto(&selected, out_size, crypto::Octets(AsBytes(ours)),
                            static_cast<unsigned>(ours.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

absl::Status SetIdentity(SSL_CTX* context, const TlsIdentity& identity) {
  const absl::StatusOr<std::vector<crypto::Certificate>> chain =
      crypto::Certificate::ChainFromPem(identity.certificate_chain_pem);
  if (!chain.ok()) return chain.status();
  const absl::StatusOr<crypto::PrivateKey> key =
      crypto::PrivateKey::FromPem(identity.private_key_pem);
  if (!key.ok()) return key.status();
  if (!crypto::KeyMatches(chain->front(), *key)) {
    return absl::InvalidArgumentError(
        "the private key does not belong to the first certificate of the chain");
  }
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> buffers;
  std::vector<CRYPTO_BUFFER*> pointers;
  for (const crypto::Certificate& certificate : *chain) {
    const ByteView der = AsBytes(certificate.der());
    buffers.emplace_back(CRYPTO_BUFFER_new(crypto::Octets(der), der.size(), nullptr));
    CHECK(buffers.back() != nullptr);
    pointers.push_back(buffers.back().get());
  }
  if (!SSL_CTX_set_chain_and_key(context, pointers.data(), pointers.size(), key->native(),
                                 nullptr)) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the certificate and its key cannot be used for TLS");
  }
  return absl::OkStatus();
}

absl::StatusOr<bssl::UniquePtr<X509_STORE>> StoreOf(
    const std::vector<crypto::Certificate>& anchors) {
  bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
  CHECK(store != nullptr);
  for (const crypto::Certificate& anchor : anchors) {
    const uint8_t* cursor = crypto::Octets(AsBytes(anchor.der()));
    bssl::UniquePtr<X509> x509(d2i_X509(nullptr, &cursor, static_cast<long>(anchor.der().size())));
    CHECK(x509 != nullptr);
    if (!X509_STORE_add_cert(store.get(), x509.get())) {
      ERR_clear_error();
      return absl::InvalidArgumentError("a certificate of the authority cannot be used");
    }
  }
  return store;
}

absl::StatusOr<bssl::UniquePtr<X509_STORE>> SystemStore() {
  for (const char* path : kSystemAuthorities) {
    bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
    CHECK(store != nullptr);
    const bool loaded = X509_STORE_load_locations(store.get(), path, nullptr) == 1;
    ERR_clear_error();
    if (loaded) return store;
  }
  return absl::NotFoundError(
      "this machine has no list of public authorities: install ca-certificates, or give the "
      "authority's certificate");
}

absl::StatusOr<bssl::UniquePtr<X509_STORE>> ListStore(const std::vector<std::string>& files) {
  bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
  CHECK(store != nullptr);
  for (const std::string& file : files) {
    const bool loaded = X509_STORE_load_locations(store.get(), file.c_str(), nullptr) == 1;
    ERR_clear_error();
    if (!loaded) return absl::NotFoundError(file + " is no file of authorities in PEM");
  }
  return store;
}

// KeepExporterSecret is told of every secret of a handshake, as a line for a debugger: its label,
// the client's random and the secret in hexadecimal digits. All but one can be asked for later.
void KeepExporterSecret(const SSL* ssl, const char* line) {
  constexpr std::string_view kLabel = "EXPORTER_SECRET ";
  const std::string_view text = line;
  if (!text.starts_with(kLabel)) return;
  const std::string_view digits = text.substr(text.rfind(' ') + 1);
  std::array<std::byte, TlsSecret::kSizeMax> bytes;
  const size_t size = digits.size() / 2;
  CHECK(size <= bytes.size());
  const std::span<std::byte> secret = std::span(bytes).first(size);
  CHECK(FromHex(digits, secret));
  static_cast<TlsVerdict*>(SSL_get_app_data(ssl))->exporter_secret.Set(secret);
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

bssl::UniquePtr<SSL_CTX> NewContext(TlsSettings& settings) {
  TlsMemory();  // Links BoringSSL's memory hooks into every program that uses TLS.
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_with_buffers_method()));
  CHECK(context != nullptr);
  SSL_CTX* raw = context.get();
  CHECK(SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION));
  CHECK(SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION));
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_early_data_enabled(raw, 0);
  SSL_CTX_set_max_cert_list(raw, kPeerChainSizeMax);
  if (settings.records == TlsRecords::kInPlace) {
    SSL_CTX_set_keylog_callback(raw, KeepExporterSecret);
  }
  if (settings.role == TlsRole::kServer) {
    if (!settings.protocols.empty()) SSL_CTX_set_alpn_select_cb(raw, SelectProtocol, &settings);
  } else {
    // Returns 0 for success, unlike everything else.
    CHECK(SSL_CTX_set_alpn_protos(raw, crypto::Octets(AsBytes(settings.protocols)),
                                  static_cast<unsigned>(settings.protocols.size())) == 0);
  }
  return context;
}

// Tells clients whose certificates are asked for, so that a browser without one does not bother its
// user.
void NameAuthorities(SSL_CTX* context, const std::vector<crypto::Certificate>& authorities) {
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> names(sk_CRYPTO_BUFFER_new_null());
  CHECK(names != nullptr);
  for (const crypto::Certificate& authority : authorities) {
    const uint8_t* cursor = crypto::Octets(AsBytes(authority.der()));
    bssl::UniquePtr<X509> x509(
        d2i_X509(nullptr, &cursor, static_cast<long>(authority.der().size())));
    CHECK(x509 != nullptr);
    const std::string name = crypto::ToDer<X509_NAME>(
        [](X509_NAME* from, uint8_t** out) { return i2d_X509_NAME(from, out); },
        X509_get_subject_name(x509.get()));
    bssl::UniquePtr<CRYPTO_BUFFER> buffer(
        CRYPTO_BUFFER_new(crypto::Octets(AsBytes(name)), name.size(), nullptr));
    CHECK(buffer != nullptr);
    CHECK(bssl::PushToStack(names.get(), std::move(buffer)));
  }
  SSL_CTX_set0_client_CAs(context, names.release());
}

absl::StatusOr<std::shared_ptr<const TlsSettings>> Build(const TlsServerOptions& options) {
  auto settings = std::make_shared<TlsSettings>(TlsRole::kServer);
  settings->clock = options.clock;
  settings->records = options.records;
  if (absl::Status status = SetProtocols(*settings, options.protocols); !status.ok()) return status;
  settings->context = NewContext(*settings);
  SSL_CTX* context = settings->context.get();
  if (absl::Status status = SetIdentity(context, options.identity); !status.ok()) return status;
  if (!options.client_authority_pem.empty()) {
    const absl::StatusOr<std::vector<crypto::Certificate>> authorities =
        crypto::Certificate::ChainFromPem(options.client_authority_pem);
    if (!authorities.ok()) return authorities.status();
    absl::StatusOr<bssl::UniquePtr<X509_STORE>> store = StoreOf(*authorities);
    if (!store.ok()) return store.status();
    settings->anchors = *std::move(store);
    NameAuthorities(context, *authorities);
    SSL_CTX_set_custom_verify(context, SSL_VERIFY_PEER, VerifyPeer);
  }
  if (options.client_public_key.has_value()) {
    if (!options.client_authority_pem.empty()) {
      return absl::InvalidArgumentError("clients are known by an authority or by a key, not both");
    }
    settings->trust = TlsTrust::PublicKey(*options.client_public_key);
    SSL_CTX_set_custom_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                              VerifyPeer);
  }
  return settings;
}

absl::StatusOr<std::shared_ptr<const TlsSettings>> Build(const TlsClientOptions& options) {
  auto settings = std::make_shared<TlsSettings>(TlsRole::kClient);
  settings->clock = options.clock;
  settings->second_clock = options.second_clock;
  settings->records = options.records;
  settings->trust = options.trust;
  if (absl::Status status = SetProtocols(*settings, options.protocols); !status.ok()) return status;
  settings->context = NewContext(*settings);
  SSL_CTX* context = settings->context.get();
  if (options.identity.has_value()) {
    if (absl::Status status = SetIdentity(context, *options.identity); !status.ok()) return status;
  }
  switch (options.trust.kind) {
    case TlsTrust::Kind::kFingerprint:
    case TlsTrust::Kind::kPublicKey:
      break;
    case TlsTrust::Kind::kSystem: {
      absl::StatusOr<bssl::UniquePtr<X509_STORE>> store =
          options.trust.list_files.empty() ? SystemStore() : ListStore(options.trust.list_files);
      if (!store.ok()) return store.status();
      settings->anchors = *std::move(store);
      break;
    }
    case TlsTrust::Kind::kAuthority: {
      const absl::StatusOr<std::vector<crypto::Certificate>> authorities =
          crypto::Certificate::ChainFromPem(options.trust.authority_pem);
      if (!authorities.ok()) return authorities.status();
      absl::StatusOr<bssl::UniquePtr<X509_STORE>> store = StoreOf(*authorities);
      if (!store.ok()) return store.status();
      settings->anchors = *std::move(store);
      break;
    }
  }
  SSL_CTX_set_custom_verify(context, SSL_VERIFY_PEER, VerifyPeer);
  return settings;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Server(const TlsServerOptions& options) {
  absl::StatusOr<std::shared_ptr<const TlsSettings>> settings = Build(options);
  if (!settings.ok()) return settings.status();
  return std::unique_ptr<TlsContext>(new TlsContext(*std::move(settings)));
}

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Client(const TlsClientOptions& options) {
  absl::StatusOr<std::shared_ptr<const TlsSettings>> settings = Build(options);
  if (!settings.ok()) return settings.status();
  return std::unique_ptr<TlsContext>(new TlsContext(*std::move(settings)));
}

TlsContext::TlsContext(std::shared_ptr<const TlsSettings> settings)
    : settings_(std::move(settings)) {}
TlsContext::~TlsContext() = default;

absl::Status TlsContext::Reload(const TlsServerOptions& options) {
  absl::StatusOr<std::shared_ptr<const TlsSettings>> built = Build(options);
  if (!built.ok()) return built.status();
  Exchange(*std::move(built));
  return absl::OkStatus();
}

absl::Status TlsContext::Reload(const TlsClientOptions& options) {
  absl::StatusOr<std::shared_ptr<const TlsSettings>> built = Build(options);
  if (!built.ok()) return built.status();
  Exchange(*std::move(built));
  return absl::OkStatus();
}

void TlsContext::Exchange(std::shared_ptr<const TlsSettings> settings) {
  const std::lock_guard<std::mutex> lock(mutex_);
  CHECK(settings->role == settings_->role);
  settings_.swap(settings);
}

std::shared_ptr<const TlsSettings> TlsContext::settings() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return settings_;
}

}  // namespace engine
