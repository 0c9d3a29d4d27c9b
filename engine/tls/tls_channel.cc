#include "engine/tls/tls_channel.h"

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/tls/boring_tls.h"
#include "engine/tls/established_tls.h"
#include "engine/tls/tls_context.h"
#include "engine/tls/tls_settings.h"

#ifndef ENGINE_VERIFY
#define ENGINE_VERIFY 0
#endif

namespace engine {
namespace {

constexpr bool kVerifies = ENGINE_VERIFY != 0;

// The output must hold at least two full records in its blocks.
constexpr size_t kBlockSizeMin = 4096;
static_assert(kBlockSizeMin * kTlsOutputSlicesMax >=
              2 * (kTlsRecordPlaintextMax + kTlsRecordOverhead));

// VerifyExports checks that the record layer that takes over has the same secrets.
void VerifyExports(const BoringTls& boring, const EstablishedTls& established) {
  std::array<std::byte, 32> theirs;
  std::array<std::byte, 32> ours;
  boring.Export("EXPORTER-adit-verify", AsBytes("context"), theirs);
  established.Export("EXPORTER-adit-verify", AsBytes("context"), ours);
  CHECK(ours == theirs);
}

}  // namespace

TlsChannel::Outcome OutcomeOf(TlsOutput::Room room) {
  switch (room) {
    case TlsOutput::Room::kOk:
      return TlsChannel::Outcome::kOk;
    case TlsOutput::Room::kNoBuffers:
      return TlsChannel::Outcome::kNoBuffers;
    case TlsOutput::Room::kFull:
      return TlsChannel::Outcome::kOutputFull;
  }
  CHECK(false);
}

TlsChannel::TlsChannel(const TlsContext& context, BufferPool& pool, std::string_view host)
    : input_(pool), output_(pool) {
  CHECK(pool.block_size() >= kBlockSizeMin);
  boring_ = std::make_unique<BoringTls>(context.settings(), host, input_, output_, pool);
}

TlsChannel::~TlsChannel() = default;

void TlsChannel::Offer(std::string_view protocol) {
  CHECK(boring_ != nullptr);
  boring_->Offer(protocol);
}

bool TlsChannel::Receive(BufferRef&& ciphertext) {
  if (ciphertext.empty() || error_ != TlsError::kNone || end_received_) {
    BufferRef(std::move(ciphertext));
    return true;
  }
  return input_.Push(ciphertext);
}

TlsChannel::Outcome TlsChannel::Read(BufferRef& plaintext) {
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (end_received_) return Outcome::kEndOfStream;
  if (!handshake_done_) {
    const Outcome outcome = Handshake();
    if (outcome != Outcome::kOk) return outcome;
  }
  if (boring_ != nullptr) return Finish(boring_->Read(plaintext));
  TlsFailure failure;
  const Outcome outcome = established_->Read(plaintext, failure);
  if (outcome == Outcome::kError) return Fail(failure.error, std::move(failure.text));
  return Finish(outcome);
}

TlsChannel::Outcome TlsChannel::Handshake() {
  const Outcome outcome = boring_->Handshake();
  if (outcome != Outcome::kOk) return Finish(outcome);
  handshake_done_ = true;
  protocol_ = boring_->protocol();
  peer_ = std::make_unique<Peer>(Peer{boring_->PeerDer(), boring_->TakeAnchorPem()});
  if (peer_->der.empty() && peer_->anchor_pem.empty()) peer_.reset();
  established_ = boring_->HandOver();
  if (established_ != nullptr) {
    if (kVerifies) VerifyExports(*boring_, *established_);
    boring_.reset();
  }
  return Outcome::kOk;
}

TlsChannel::Outcome TlsChannel::RoomForRecord() const {
  // BoringSSL's own records are copied into the output's blocks, and never into its spare.
  return OutcomeOf(boring_ != nullptr ? output_.HasRoom(kTlsRecordSizeMax)
                                      : output_.HasRoomForRecord());
}

TlsChannel::Outcome TlsChannel::Write(std::span<const ByteView> pieces) {
  CHECK(!close_sent_);
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (!handshake_done_) return Outcome::kNeedMore;
  size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  CHECK(size > 0);
  CHECK(size <= kTlsRecordPlaintextMax);
  return Finish(boring_ != nullptr ? boring_->Write(pieces) : established_->Write(pieces));
}

TlsChannel::Outcome TlsChannel::WriteInPlace(ByteView head, BufferRef& payload) {
  CHECK(!close_sent_);
  CHECK(head.size() + payload.size() > 0);
  CHECK(head.size() + payload.size() <= kTlsRecordPlaintextMax);
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (!handshake_done_) return Outcome::kNeedMore;
  if (established_ != nullptr) return Finish(established_->WriteInPlace(head, payload));
  const std::array<ByteView, 2> pieces = {head, payload.bytes()};
  const Outcome outcome = Finish(boring_->Write(pieces));
  if (outcome == Outcome::kOk) payload = {};
  return outcome;
}

TlsChannel::Outcome TlsChannel::Close() {
  if (close_sent_) return Outcome::kOk;
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (!handshake_done_) return Outcome::kNeedMore;
  const Outcome outcome = Finish(boring_ != nullptr ? boring_->Close() : established_->Close());
  if (outcome == Outcome::kOk) close_sent_ = true;
  return outcome;
}

size_t TlsChannel::Output(std::span<ByteView> slices) const { return output_.Peek(slices); }

void TlsChannel::OutputSent(size_t size) {
  output_.Sent(size);
  Verify();
}

absl::StatusOr<crypto::Certificate> TlsChannel::PeerCertificate() const {
  CHECK(handshake_done_);
  if (peer_ == nullptr || peer_->der.empty()) {
    return absl::NotFoundError("the peer has shown no certificate");
  }
  return crypto::Certificate::FromDer(AsBytes(peer_->der));
}

const std::string& TlsChannel::anchor_pem() const {
  static const std::string none;
  return peer_ == nullptr ? none : peer_->anchor_pem;
}

void TlsChannel::Export(std::string_view label, ByteView context, std::span<std::byte> out) const {
  CHECK(handshake_done_);
  if (boring_ != nullptr) return boring_->Export(label, context, out);
  established_->Export(label, context, out);
}

TlsCounts TlsChannel::counts() const {
  return established_ == nullptr ? TlsCounts{} : established_->counts();
}

// Finish takes note of how a call ended.
TlsChannel::Outcome TlsChannel::Finish(Outcome outcome) {
  if (outcome == Outcome::kEndOfStream) {
    end_received_ = true;
    input_.Clear();
  }
  if (outcome == Outcome::kError) return Fail(boring_->failure().error, boring_->failure().text);
  Verify();
  return outcome;
}

TlsChannel::Outcome TlsChannel::Fail(TlsError error, std::string text) {
  CHECK(error != TlsError::kNone);
  error_ = error;
  error_text_ = std::move(text);
  input_.Clear();
  Verify();
  return Outcome::kError;
}

void TlsChannel::Verify() const {
  if (!kVerifies) return;
  output_.Verify();
  CHECK(established_ == nullptr || boring_ == nullptr);
}

}  // namespace engine
