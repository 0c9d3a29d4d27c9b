#include "engine/tls/tls_channel.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/crypto/openssl_text.h"
#include "engine/tls/tls_context.h"
#include "engine/tls/tls_failure.h"
#include "engine/tls/tls_settings.h"

#ifndef ENGINE_VERIFY
#define ENGINE_VERIFY 0
#endif

namespace engine {
namespace {

constexpr bool kVerifies = ENGINE_VERIFY != 0;

constexpr std::byte kAlertRecord{21};
constexpr std::byte kHandshakeRecord{22};

// What BoringSSL may put before a record of ours: the answer to a key update, which is one short
// record. Room for it is kept, so that a Write() is taken whole or not at all.
constexpr size_t kPrefixMax = 128;

constexpr size_t kAlertSizeMax = kTlsRecordOverhead + 2;

// The output must hold at least two full records in its blocks.
constexpr size_t kBlockSizeMin = 4096;
static_assert(kBlockSizeMin * kTlsOutputBlocksMax >=
              2 * (kTlsRecordPlaintextMax + kTlsRecordOverhead));

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

}  // namespace

struct TlsChannel::Bio {
  static TlsChannel& Channel(BIO* bio) { return *static_cast<TlsChannel*>(BIO_get_data(bio)); }

  static int Read(BIO* bio, char* out, int size) {
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    const size_t taken =
        Channel(bio).TakeInput({reinterpret_cast<std::byte*>(out), static_cast<size_t>(size)});
    if (taken > 0) return static_cast<int>(taken);
    BIO_set_retry_read(bio);
    return -1;
  }

  static int Write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    const size_t taken = Channel(bio).AddOutput(AsBytes({data, static_cast<size_t>(size)}));
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

TlsChannel::TlsChannel(const TlsContext& context, BufferPool& pool, std::string_view host)
    : settings_(context.settings()), pool_(pool), verdict_(std::make_unique<TlsVerdict>()) {
  CHECK(pool.block_size() >= kBlockSizeMin);
  verdict_->settings = settings_.get();
  verdict_->host = host;
  ssl_ = SSL_new(settings_->context.get());
  CHECK(ssl_ != nullptr);
  SSL_set_app_data(ssl_, verdict_.get());
  // What only the handshake needs goes when it is done.
  SSL_set_shed_handshake_config(ssl_, 1);

  BIO* bio = BIO_new(Bio::Method());
  CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);

  if (settings_->role == TlsRole::kServer) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
    // A name that TLS cannot carry is not sent; the certificate is judged by it all the same.
    if (!host.empty() && !IsAddress(verdict_->host)) {
      SSL_set_tlsext_host_name(ssl_, verdict_->host.c_str());
      ERR_clear_error();
    }
  }
  Verify();
}

TlsChannel::~TlsChannel() { SSL_free(ssl_); }

bool TlsChannel::Receive(BufferRef&& ciphertext) {
  if (ciphertext.empty() || error_ != TlsError::kNone || end_received_) {
    BufferRef(std::move(ciphertext));
    return true;
  }
  if (input_count_ == kTlsInputSlicesMax) return false;
  input_[(input_first_ + input_count_) % kTlsInputSlicesMax] = std::move(ciphertext);
  ++input_count_;
  Verify();
  return true;
}

TlsChannel::Outcome TlsChannel::Read(BufferRef& plaintext) {
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (end_received_) return Outcome::kEndOfStream;
  if (!handshake_done_) {
    const Outcome outcome = Handshake();
    if (outcome != Outcome::kOk) return outcome;
  }
  // A peek of nothing opens the next record, so that its size is known before there is a place.
  if (SSL_pending(ssl_) == 0) {
    const int result = SSL_peek(ssl_, nullptr, 0);
    if (SSL_pending(ssl_) == 0) {
      plaintext_ = {};
      plaintext_fill_ = 0;
      return Explain(result);
    }
  }
  const size_t pending = static_cast<size_t>(SSL_pending(ssl_));
  const size_t wanted = std::min<size_t>(pending, pool_.block_size());
  if (plaintext_.size() - plaintext_fill_ < wanted) {
    plaintext_ = pool_.Take();
    plaintext_fill_ = 0;
    if (plaintext_.empty()) return Outcome::kNoBuffers;
  }
  const int result =
      SSL_read(ssl_, plaintext_.bytes().data() + plaintext_fill_, static_cast<int>(wanted));
  CHECK(result == static_cast<int>(wanted));
  plaintext = plaintext_.Share(plaintext_fill_, wanted);
  plaintext_fill_ += wanted;
  if (plaintext_fill_ == plaintext_.size()) {
    plaintext_ = {};
    plaintext_fill_ = 0;
  }
  Verify();
  return Outcome::kOk;
}

TlsChannel::Outcome TlsChannel::Write(std::span<const ByteView> pieces) {
  CHECK(!close_sent_);
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (!handshake_done_) return Outcome::kNeedMore;
  size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  CHECK(size > 0);
  CHECK(size <= kTlsRecordPlaintextMax);
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
  const int result = SSL_write(ssl_, record.data(), static_cast<int>(size));
  if (result != static_cast<int>(size)) {
    const Outcome outcome = Explain(result);
    CHECK(outcome == Outcome::kError);  // There was room, so nothing may have to wait.
    return outcome;
  }
  Verify();
  return Outcome::kOk;
}

TlsChannel::Outcome TlsChannel::Close() {
  if (close_sent_) return Outcome::kOk;
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (!handshake_done_) return Outcome::kNeedMore;
  if (const Outcome room = Room(kAlertSizeMax + kPrefixMax); room != Outcome::kOk) return room;
  const int result = SSL_shutdown(ssl_);
  if (result < 0) return Explain(result);
  close_sent_ = true;
  return Outcome::kOk;
}

size_t TlsChannel::Output(std::span<ByteView> slices) const {
  size_t count = 0;
  for (size_t i = 0; i < output_count_ && count < slices.size(); ++i) {
    const BufferRef& block = output_[(output_first_ + i) % kTlsOutputBlocksMax];
    const size_t begin = i == 0 ? output_offset_ : 0;
    const size_t end = i + 1 == output_count_ ? output_fill_ : block.size();
    if (begin < end) slices[count++] = block.bytes().subspan(begin, end - begin);
  }
  return count;
}

void TlsChannel::OutputSent(size_t size) {
  CHECK(size <= output_size_);
  output_size_ -= size;
  while (output_count_ > 0) {
    BufferRef& block = output_[output_first_];
    const size_t end = output_count_ == 1 ? output_fill_ : block.size();
    const size_t gone = std::min(size, end - output_offset_);
    output_offset_ += gone;
    size -= gone;
    if (output_offset_ < end) break;
    // Also the last block goes once all of it is sent: an idle connection holds none.
    block = {};
    output_first_ = (output_first_ + 1) % kTlsOutputBlocksMax;
    --output_count_;
    output_offset_ = 0;
  }
  CHECK(size == 0);
  Verify();
}

std::string_view TlsChannel::protocol() const {
  const uint8_t* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

absl::StatusOr<crypto::Certificate> TlsChannel::PeerCertificate() const {
  CHECK(handshake_done_);
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl_);
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) {
    return absl::NotFoundError("the peer has shown no certificate");
  }
  const CRYPTO_BUFFER* leaf = sk_CRYPTO_BUFFER_value(chain, 0);
  return crypto::Certificate::FromDer(
      {reinterpret_cast<const std::byte*>(CRYPTO_BUFFER_data(leaf)), CRYPTO_BUFFER_len(leaf)});
}

const std::string& TlsChannel::anchor_pem() const { return verdict_->anchor_pem; }

void TlsChannel::Export(std::string_view label, ByteView context, std::span<std::byte> out) const {
  CHECK(handshake_done_);
  CHECK(SSL_export_keying_material(ssl_, crypto::MutableOctets(out), out.size(), label.data(),
                                   label.size(), crypto::Octets(context), context.size(), 1));
}

TlsChannel::Outcome TlsChannel::Handshake() {
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) return Explain(result);
  handshake_done_ = true;
  if (settings_->role == TlsRole::kClient && !settings_->protocols.empty() && protocol().empty()) {
    return Fail(TlsError::kNoCommonProtocol,
                "the server picked none of the protocols that we offer (ALPN): something between "
                "here and the relay may answer in its place");
  }
  return Outcome::kOk;
}

// Explain turns a result of BoringSSL's that is not success into an outcome.
TlsChannel::Outcome TlsChannel::Explain(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Outcome::kNeedMore;
    case SSL_ERROR_WANT_WRITE:
      CHECK(blocked_ != Outcome::kOk);
      return blocked_;
    case SSL_ERROR_ZERO_RETURN:
      end_received_ = true;
      DropInput();
      return Outcome::kEndOfStream;
    default:
      break;
  }
  const uint32_t error = FirstError();
  if (verdict_->error != TlsError::kNone) return Fail(verdict_->error, verdict_->text);
  TlsFailure failure = FailureOf(error, settings_->role);
  const bool begins_like_tls = first_byte_ == kHandshakeRecord || first_byte_ == kAlertRecord;
  if (!begins_like_tls && failure.error != TlsError::kNotTls) {
    failure = {TlsError::kNotTls, "the peer does not speak TLS"};
  }
  return Fail(failure.error, std::move(failure.text));
}

TlsChannel::Outcome TlsChannel::Fail(TlsError error, std::string text) {
  error_ = error;
  error_text_ = std::move(text);
  DropInput();
  plaintext_ = {};
  plaintext_fill_ = 0;
  Verify();
  return Outcome::kError;
}

// Room says whether the output can take `size` bytes now.
TlsChannel::Outcome TlsChannel::Room(size_t size) const {
  const size_t tail = output_count_ == 0 ? 0 : pool_.block_size() - output_fill_;
  if (tail >= size) return Outcome::kOk;
  const size_t blocks = (size - tail + pool_.block_size() - 1) / pool_.block_size();
  if (blocks > kTlsOutputBlocksMax - output_count_) return Outcome::kOutputFull;
  return blocks > pool_.free_count() ? Outcome::kNoBuffers : Outcome::kOk;
}

size_t TlsChannel::TakeInput(std::span<std::byte> out) {
  size_t taken = 0;
  while (taken < out.size() && input_count_ > 0) {
    BufferRef& slice = input_[input_first_];
    if (!first_byte_.has_value()) first_byte_ = slice.bytes().front();
    const size_t size = std::min(out.size() - taken, slice.size() - input_offset_);
    std::memcpy(out.data() + taken, slice.bytes().data() + input_offset_, size);
    taken += size;
    input_offset_ += size;
    if (input_offset_ < slice.size()) break;
    slice = {};
    input_first_ = (input_first_ + 1) % kTlsInputSlicesMax;
    --input_count_;
    input_offset_ = 0;
  }
  return taken;
}

size_t TlsChannel::AddOutput(ByteView bytes) {
  size_t added = 0;
  while (added < bytes.size()) {
    if (output_count_ == 0 || output_fill_ == pool_.block_size()) {
      blocked_ = Outcome::kOutputFull;
      if (output_count_ == kTlsOutputBlocksMax) break;
      blocked_ = Outcome::kNoBuffers;
      BufferRef block = pool_.Take();
      if (block.empty()) break;
      output_[(output_first_ + output_count_) % kTlsOutputBlocksMax] = std::move(block);
      ++output_count_;
      output_fill_ = 0;
    }
    BufferRef& block = output_[(output_first_ + output_count_ - 1) % kTlsOutputBlocksMax];
    const size_t size = std::min(bytes.size() - added, block.size() - output_fill_);
    std::memcpy(block.bytes().data() + output_fill_, bytes.data() + added, size);
    added += size;
    output_fill_ += size;
  }
  output_size_ += added;
  return added;
}

void TlsChannel::DropInput() {
  while (input_count_ > 0) {
    input_[input_first_] = {};
    input_first_ = (input_first_ + 1) % kTlsInputSlicesMax;
    --input_count_;
  }
  input_offset_ = 0;
}

// The invariants of the two queues.
void TlsChannel::Verify() const {
  if (!kVerifies) return;
  CHECK(input_count_ <= kTlsInputSlicesMax);
  if (input_count_ == 0) {
    CHECK(input_offset_ == 0);
  } else {
    CHECK(input_offset_ < input_[input_first_].size());
  }
  CHECK(output_count_ <= kTlsOutputBlocksMax);
  size_t size = 0;
  for (size_t i = 0; i < output_count_; ++i) {
    const size_t begin = i == 0 ? output_offset_ : 0;
    const size_t end = i + 1 == output_count_ ? output_fill_ : pool_.block_size();
    CHECK(begin < end);
    size += end - begin;
  }
  CHECK(size == output_size_);
  CHECK(plaintext_fill_ <= plaintext_.size());
}

}  // namespace engine
