// TlsChannel without cryptography, for fuzz targets alone: what links this has it in the place of
// the real one. So bytes of a script reach what stands behind the record layer (joins, links, the
// resumption of lanes), thousands of times a second. Identities and keys are not looked at.
//
//     client                         server
//       | 22 3 3 size | ALPN | nonce -->|
//       |<-- 22 3 3 size | ALPN | nonce |     ALPN as on the wire: names with their sizes
//       |<--------- 23 3 3 size | bytes-|     a record
//       |<--------- 21 3 3 size | bytes |     the end, as close_notify
//
// Exporters come from both nonces, which count up: each connection has its own, and every run of an
// input is the same.

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/crypto/digest.h"
#include "engine/tls/boring_tls.h"
#include "engine/tls/established_tls.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/tls/tls_settings.h"

namespace engine {
namespace {

constexpr size_t kNonceSize = 8;

// Null is what a null channel has beside the members of the real one.
struct Null {
  std::shared_ptr<const TlsSettings> settings;
  std::string secret;  // Both nonces, the client's first.
  bool has_spoken = false;
};

std::map<const TlsChannel*, Null>& Nulls() {
  static std::map<const TlsChannel*, Null> nulls;
  return nulls;
}

std::string NextNonce() {
  // It starts over when no channel is left, so that a run does not depend on those before it.
  static uint64_t last = 0;
  if (Nulls().size() == 1) last = 0;
  std::string nonce(kNonceSize, '\0');
  StoreBig(reinterpret_cast<std::byte*>(nonce.data()), ++last);
  return nonce;
}

std::string RecordOf(ContentType type, std::string_view content) {
  std::string record{static_cast<char>(type), '\3', '\3'};
  record += static_cast<char>(content.size() >> 8);
  record += static_cast<char>(content.size() & 0xFF);
  return record += content;
}

// Choose returns the first of our protocols that the other end offers, with its size before it.
std::string_view Choose(std::string_view ours, std::string_view offered) {
  const auto next = [](std::string_view& rest) {
    const size_t size = std::min(rest.size(), size_t{1} + static_cast<uint8_t>(rest[0]));
    const std::string_view name = rest.substr(0, size);
    rest.remove_prefix(size);
    return name;
  };
  while (!ours.empty()) {
    const std::string_view mine = next(ours);
    for (std::string_view rest = offered; !rest.empty();) {
      if (next(rest) == mine) return mine;
    }
  }
  return {};
}

}  // namespace

TlsChannel::Outcome OutcomeOf(TlsOutput::Room room) {
  if (room == TlsOutput::Room::kOk) return TlsChannel::Outcome::kOk;
  return room == TlsOutput::Room::kFull ? TlsChannel::Outcome::kOutputFull
                                        : TlsChannel::Outcome::kNoBuffers;
}

TlsChannel::TlsChannel(const TlsContext& context, BufferPool& pool, std::string_view)
    : input_(pool), output_(pool) {
  Nulls()[this].settings = context.settings();
}

TlsChannel::~TlsChannel() { Nulls().erase(this); }

void TlsChannel::Offer(std::string_view) {}

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
  std::array<std::byte, kTlsRecordHeader> header;
  if (!input_.PeekHeader(header)) {
    input_.Rest();
    return Outcome::kNeedMore;
  }
  const size_t size = LoadBig<uint16_t>(&header[3]);
  if (size == 0 || size > kTlsRecordPlaintextMax) return Fail(TlsError::kBadRecord, "its size");
  BufferRef record;
  const TlsInput::Outcome taken = input_.TakeRecord(kTlsRecordHeader + size, record);
  if (taken == TlsInput::Outcome::kNeedMore) return Outcome::kNeedMore;
  if (taken == TlsInput::Outcome::kNoBuffers) return Outcome::kNoBuffers;
  if (header[0] == static_cast<std::byte>(ContentType::kAlert)) {
    end_received_ = true;
    input_.Clear();
    return Outcome::kEndOfStream;
  }
  if (header[0] != static_cast<std::byte>(ContentType::kApplicationData)) {
    return Fail(TlsError::kBadRecord, "its type");
  }
  record.DropFirst(kTlsRecordHeader);
  plaintext = std::move(record);
  return Outcome::kOk;
}

TlsChannel::Outcome TlsChannel::Handshake() {
  Null& null = Nulls().at(this);
  const bool is_client = null.settings->role == TlsRole::kClient;
  const auto say = [&](std::string_view protocols) {
    const std::string nonce = NextNonce();
    const std::string record = RecordOf(ContentType::kHandshake, std::string(protocols) + nonce);
    TlsOutput::Room room = output_.HasRoom(record.size());
    if (room != TlsOutput::Room::kOk) return OutcomeOf(room);
    CHECK(output_.Append(AsBytes(record), room) == record.size());
    null.secret += nonce;
    null.has_spoken = true;
    return Outcome::kOk;
  };
  if (is_client && !null.has_spoken) {
    const Outcome outcome = say(null.settings->protocols);
    if (outcome != Outcome::kOk) return outcome;
  }
  std::array<std::byte, kTlsRecordHeader> header;
  if (!input_.PeekHeader(header)) return Outcome::kNeedMore;
  if (header[0] != static_cast<std::byte>(ContentType::kHandshake)) {
    return Fail(TlsError::kNotTls, "no hello");
  }
  const size_t size = LoadBig<uint16_t>(&header[3]);
  if (size < kNonceSize || size > kTlsRecordPlaintextMax) {
    return Fail(TlsError::kProtocol, "a hello of no such size");
  }
  BufferRef record;
  const TlsInput::Outcome taken = input_.TakeRecord(kTlsRecordHeader + size, record);
  if (taken == TlsInput::Outcome::kNeedMore) return Outcome::kNeedMore;
  if (taken == TlsInput::Outcome::kNoBuffers) return Outcome::kNoBuffers;
  std::string_view hello = AsText(record.bytes());
  hello.remove_prefix(kTlsRecordHeader);
  const std::string_view protocols = hello.substr(0, hello.size() - kNonceSize);
  null.secret += hello.substr(protocols.size());
  const std::string_view chosen = Choose(null.settings->protocols, protocols);
  if (chosen.empty()) return Fail(TlsError::kNoCommonProtocol, "no common protocol");
  protocol_ = chosen.substr(1);
  if (!is_client) {
    const Outcome outcome = say(chosen);
    if (outcome != Outcome::kOk) return Fail(TlsError::kProtocol, "no room for a hello");
  }
  handshake_done_ = true;
  return Outcome::kOk;
}

TlsChannel::Outcome TlsChannel::RoomForRecord() const {
  return OutcomeOf(output_.HasRoomForRecord());
}

TlsChannel::Outcome TlsChannel::Write(std::span<const ByteView> pieces) {
  CHECK(!close_sent_);
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (!handshake_done_) return Outcome::kNeedMore;
  std::string content;
  for (const ByteView piece : pieces) content += AsText(piece);
  CHECK(!content.empty());
  CHECK(content.size() <= kTlsRecordPlaintextMax);
  const std::string record = RecordOf(ContentType::kApplicationData, content);
  std::span<std::byte> place;
  const TlsOutput::Room room = output_.Reserve(record.size(), place);
  if (room != TlsOutput::Room::kOk) return OutcomeOf(room);
  std::ranges::copy(AsBytes(record), place.begin());
  output_.Commit(record.size());
  return Outcome::kOk;
}

TlsChannel::Outcome TlsChannel::WriteInPlace(ByteView head, BufferRef& payload) {
  const std::array<ByteView, 2> pieces = {head, payload.bytes()};
  const Outcome outcome = Write(pieces);
  if (outcome == Outcome::kOk) payload = {};
  return outcome;
}

TlsChannel::Outcome TlsChannel::Close() {
  if (close_sent_) return Outcome::kOk;
  if (error_ != TlsError::kNone) return Outcome::kError;
  if (!handshake_done_) return Outcome::kNeedMore;
  const std::string record = RecordOf(ContentType::kAlert, "\1\1");
  TlsOutput::Room room = output_.HasRoom(record.size());
  if (room != TlsOutput::Room::kOk) return OutcomeOf(room);
  CHECK(output_.Append(AsBytes(record), room) == record.size());
  close_sent_ = true;
  return Outcome::kOk;
}

size_t TlsChannel::Output(std::span<ByteView> slices) const { return output_.Peek(slices); }

void TlsChannel::OutputSent(size_t size) { output_.Sent(size); }

absl::StatusOr<crypto::Certificate> TlsChannel::PeerCertificate() const {
  return absl::NotFoundError("nobody shows a certificate here");
}

const std::string& TlsChannel::anchor_pem() const {
  static const std::string none;
  return none;
}

void TlsChannel::Export(std::string_view label, ByteView context, std::span<std::byte> out) const {
  CHECK(handshake_done_);
  const std::string message =
      Nulls().at(this).secret + std::string(label) + std::string(AsText(context));
  const crypto::Sha256Digest digest = crypto::Sha256(AsBytes(message));
  CHECK(out.size() <= digest.size());
  std::copy_n(digest.begin(), out.size(), out.begin());
}

TlsCounts TlsChannel::counts() const { return {}; }

TlsChannel::Outcome TlsChannel::Fail(TlsError error, std::string text) {
  error_ = error;
  error_text_ = std::move(text);
  input_.Clear();
  return Outcome::kError;
}

}  // namespace engine
