#include "engine/tls/boring_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "engine/crypto/openssl_text.h"
#include "engine/tls/established_tls.h"
#include "engine/tls/record_format.h"
#include "engine/tls/traffic_keys.h"

namespace engine {
namespace {

using Outcome = TlsChannel::Outcome;

constexpr std::byte kAlertRecord{static_cast<uint8_t>(ContentType::kAlert)};
constexpr std::byte kHandshakeRecord{static_cast<uint8_t>(ContentType::kHandshake)};

// What BoringSSL may put before a record of ours: the answer to a key update, which is one short
// record. Room for it is kept, so that a Write() is taken whole or not at all.
constexpr size_t kPrefixMax = 128;

// Where a record's pieces are put together, for the time of one Write().
thread_local std::array<std::byte, kTlsRecordPlaintextMax> staging;

// An address is not sent as SNI (RFC 6066, 3).
bool IsAddress(const std::string& host) {
  const bssl::UniquePtr<ASN1_OCTET_STRING> address(a2i_IPADDRESS(host.c_str()));
  ERR_clear_error();
  return address != nullptr;
}

// FirstError empties BoringSSL's queue. The first error of its TLS code is the cause; those after
// it are consequences, and those of its other parts say too little.
uint32_t FirstError() {
  uint32_t error = ERR_get_error();
  while (error != 0 && ERR_GET_LIB(error) != ERR_LIB_SSL) error = ERR_get_error();
  ERR_clear_error();
  return error;
}

ByteView Bytes(bssl::Span<const uint8_t> octets) {
  return {reinterpret_cast<const std::byte*>(octets.data()), octets.size()};
}

}  // namespace

struct BoringTls::Bio {
  static BoringTls& Self(BIO* bio) { return *static_cast<BoringTls*>(BIO_get_data(bio)); }

  static int Read(BIO* bio, char* out, int size) {
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    BoringTls& self = Self(bio);
    if (self.input_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    if (!self.first_byte_.has_value()) self.first_byte_ = self.input_.front();
    return static_cast<int>(
        self.input_.Read({reinterpret_cast<std::byte*>(out), static_cast<size_t>(size)}));
  }

  static int Write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    BoringTls& self = Self(bio);
    const size_t taken =
        self.output_.Append(AsBytes({data, static_cast<size_t>(size)}), self.blocked_);
    if (taken > 0) return static_cast<int>(taken);
    BIO_set_retry_write(bio);
    return -1;
  }

  static long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(0, "blocks");
      CHECK(made != nullptr);
      CHECK(BIO_meth_set_read(made, Read));
      CHECK(BIO_meth_set_write(made, Write));
      CHECK(BIO_meth_set_ctrl(made, Control));
      return made;
    }();
    return method;
  }
};

BoringTls::BoringTls(std::shared_ptr<const TlsSettings> settings, std::string_view host,
                     TlsInput& input, TlsOutput& output, BufferPool& pool)
    : settings_(std::move(settings)), input_(input), output_(output), pool_(pool) {
  verdict_.settings = settings_.get();
  verdict_.host = host;
  ssl_.reset(SSL_new(settings_->context.get()));
  CHECK(ssl_ != nullptr);
  SSL_set_app_data(ssl_.get(), &verdict_);
  // What only the handshake needs goes when it is done.
  SSL_set_shed_handshake_config(ssl_.get(), 1);

  BIO* bio = BIO_new(Bio::Method());
  CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);

  if (settings_->role == TlsRole::kServer) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    // A name that TLS cannot carry is not sent; the certificate is judged by it all the same.
    if (!host.empty() && !IsAddress(verdict_.host)) {
      SSL_set_tlsext_host_name(ssl_.get(), verdict_.host.c_str());
      ERR_clear_error();
    }
  }
}

BoringTls::~BoringTls() = default;

void BoringTls::Offer(std::string_view protocol) {
  CHECK(settings_->role == TlsRole::kClient);
  if (settings_->protocols.empty()) return;
  std::string names = settings_->protocols;
  names += static_cast<char>(protocol.size());
  names += protocol;
  CHECK(SSL_set_alpn_protos(ssl_.get(), crypto::Octets(AsBytes(names)),
                            static_cast<unsigned>(names.size())) == 0);
}

Outcome BoringTls::Handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) return Explain(result);
  if (settings_->role == TlsRole::kClient && !settings_->protocols.empty() && protocol().empty()) {
    return Fail(TlsError::kNoCommonProtocol,
                "the server picked none of the protocols that we offer (ALPN): something between "
                "here and the relay may answer in its place");
  }
  return Outcome::kOk;
}

Outcome BoringTls::Read(BufferRef& plaintext) {
  // A peek of nothing opens the next record, so that its size is known before there is a place.
  if (SSL_pending(ssl_.get()) == 0) {
    const int result = SSL_peek(ssl_.get(), nullptr, 0);
    if (SSL_pending(ssl_.get()) == 0) {
      packing_ = {};
      return Explain(result);
    }
  }
  const size_t pending = static_cast<size_t>(SSL_pending(ssl_.get()));
  const size_t wanted = std::min<size_t>(pending, pool_.block_size());
  if (packing_.size() < wanted) {
    packing_ = pool_.Take();
    if (packing_.empty()) return Outcome::kNoBuffers;
  }
  const int result = SSL_read(ssl_.get(), packing_.bytes().data(), static_cast<int>(wanted));
  CHECK(result == static_cast<int>(wanted));
  plaintext = packing_.Share(0, wanted);
  packing_.DropFirst(wanted);
  if (packing_.empty()) packing_ = {};
  return Outcome::kOk;
}

Outcome BoringTls::Write(std::span<const ByteView> pieces) {
  size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  if (const Outcome room = Room(size + kTlsRecordOverhead + kPrefixMax); room != Outcome::kOk) {
    return room;
  }
  ByteView record = pieces.front();
  if (record.size() != size) {
    size_t offset = 0;
    for (const ByteView piece : pieces) {
      // An empty piece may be null, which memcpy does not take.
      if (piece.empty()) continue;
      std::memcpy(staging.data() + offset, piece.data(), piece.size());
      offset += piece.size();
    }
    record = ByteView(staging).first(size);
  }
  const int result = SSL_write(ssl_.get(), record.data(), static_cast<int>(size));
  if (result != static_cast<int>(size)) {
    const Outcome outcome = Explain(result);
    CHECK(outcome == Outcome::kError);  // There was room, so nothing may have to wait.
    return outcome;
  }
  return Outcome::kOk;
}

Outcome BoringTls::Close() {
  if (const Outcome room = Room(kAlertRecordSize + kPrefixMax); room != Outcome::kOk) return room;
  const int result = SSL_shutdown(ssl_.get());
  return result < 0 ? Explain(result) : Outcome::kOk;
}

std::string_view BoringTls::protocol() const {
  const uint8_t* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

std::string BoringTls::PeerDer() const {
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl_.get());
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return {};
  const CRYPTO_BUFFER* leaf = sk_CRYPTO_BUFFER_value(chain, 0);
  return {reinterpret_cast<const char*>(CRYPTO_BUFFER_data(leaf)), CRYPTO_BUFFER_len(leaf)};
}

void BoringTls::Export(std::string_view label, ByteView context, std::span<std::byte> out) const {
  CHECK(SSL_export_keying_material(ssl_.get(), crypto::MutableOctets(out), out.size(), label.data(),
                                   label.size(), crypto::Octets(context), context.size(), 1));
}

std::unique_ptr<EstablishedTls> BoringTls::HandOver() {
  if (settings_->records != TlsRecords::kInPlace || pool_.block_size() < kTlsRecordSizeMax) {
    return nullptr;
  }
  // It reads one record at a time, so that what came behind the peer's Finished is still with us.
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  if (SSL_has_pending(ssl_.get()) || cipher == nullptr) return nullptr;
  const std::optional<TlsSuite> suite = SuiteOf(SSL_CIPHER_get_protocol_id(cipher));
  bssl::Span<const uint8_t> read_secret;
  bssl::Span<const uint8_t> write_secret;
  if (!suite.has_value() || verdict_.exporter_secret.empty() ||
      !bssl::SSL_get_traffic_secrets(ssl_.get(), &read_secret, &write_secret)) {
    ERR_clear_error();
    return nullptr;
  }
  return std::make_unique<EstablishedTls>(
      EstablishedTls::Keys{.suite = *suite,
                           .read_secret = Bytes(read_secret),
                           .write_secret = Bytes(write_secret),
                           .read_sequence = SSL_get_read_sequence(ssl_.get()),
                           .write_sequence = SSL_get_write_sequence(ssl_.get()),
                           .exporter_secret = verdict_.exporter_secret.bytes()},
      settings_->role, input_, output_);
}

// Explain turns a result of BoringSSL's that is not success into an outcome.
Outcome BoringTls::Explain(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Outcome::kNeedMore;
    case SSL_ERROR_WANT_WRITE:
      CHECK(blocked_ != TlsOutput::Room::kOk);
      return blocked_ == TlsOutput::Room::kFull ? Outcome::kOutputFull : Outcome::kNoBuffers;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::kEndOfStream;
    default:
      break;
  }
  const uint32_t error = FirstError();
  if (verdict_.error != TlsError::kNone) return Fail(verdict_.error, verdict_.text);
  TlsFailure failure = FailureOf(error, settings_->role);
  const bool begins_like_tls = first_byte_ == kHandshakeRecord || first_byte_ == kAlertRecord;
  if (!begins_like_tls && failure.error != TlsError::kNotTls) {
    failure = {TlsError::kNotTls, "the peer does not speak TLS"};
  }
  return Fail(failure.error, std::move(failure.text));
}

Outcome BoringTls::Fail(TlsError error, std::string text) {
  failure_ = {error, std::move(text)};
  packing_ = {};
  return Outcome::kError;
}

// Room says whether the output can take `size` bytes now.
Outcome BoringTls::Room(size_t size) const { return OutcomeOf(output_.HasRoom(size)); }

}  // namespace engine
