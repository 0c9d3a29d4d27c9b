#include "engine/tls/established_tls.h"

#include <array>
#include <cstring>
#include <utility>

#include "engine/base/check.h"

namespace engine {
namespace {

using Outcome = TlsChannel::Outcome;

// The level of an alert, which nobody looks at any more (RFC 8446, 6).
constexpr std::byte kWarning{1};
constexpr std::byte kFatal{2};

}  // namespace

EstablishedTls::EstablishedTls(const Keys& keys, TlsRole role, TlsInput& input, TlsOutput& output)
    : opener_(keys.suite, keys.read_secret, keys.read_sequence,
              role == TlsRole::kClient ? RecordOpener::Tickets::kIgnored
                                       : RecordOpener::Tickets::kForbidden),
      sealer_(keys.suite, keys.write_secret, keys.write_sequence),
      input_(input),
      output_(output),
      exporter_secret_(keys.exporter_secret),
      role_(role) {}

Outcome EstablishedTls::Read(BufferRef& plaintext, TlsFailure& failure) {
  for (;;) {
    std::array<std::byte, kTlsRecordHeader> header;
    if (!input_.PeekHeader(header)) {
      input_.Rest();
      return Outcome::kNeedMore;
    }
    const size_t size = opener_.SizeOf(header);
    BufferRef record;
    std::span<std::byte> content;
    RecordOpener::Result result = RecordOpener::Result::kFailed;
    TlsInput::Parts parts;
    if (size >= TrafficKeys::kApartMin && opener_.can_open_pieces() &&
        input_.PeekParts(size, parts)) {
      result = opener_.OpenPieces(parts.first, parts.second, parts.place, content);
      record = input_.TakeParts(size);
      counts_.opened_apart_bytes += content.size();
    } else if (size > 0) {
      switch (input_.TakeRecord(size, record)) {
        case TlsInput::Outcome::kOk:
          break;
        case TlsInput::Outcome::kNeedMore:
          return Outcome::kNeedMore;
        case TlsInput::Outcome::kNoBuffers:
          return Outcome::kNoBuffers;
      }
      result = opener_.Open(record.bytes(), content);
    }
    switch (result) {
      case RecordOpener::Result::kData:
        plaintext = record.Share(kTlsRecordHeader, content.size());
        // What is around it in the record is of no use to anybody any more.
        plaintext.GrantRoom(
            kTlsRecordHeader,
            static_cast<uint16_t>(record.size() - kTlsRecordHeader - content.size()));
        counts_.opened_bytes += content.size();
        return Outcome::kOk;
      case RecordOpener::Result::kNothing:
        continue;
      case RecordOpener::Result::kUpdateRequested:
        update_owed_ = true;
        // If there is no room now, it goes before our next record (4.6.3). Of several requests
        // until then one is answered.
        static_cast<void>(UpdateKeys());
        continue;
      case RecordOpener::Result::kEnd:
        return Outcome::kEndOfStream;
      case RecordOpener::Result::kFailed:
        failure = Explain();
        return Outcome::kError;
    }
  }
}

TlsFailure EstablishedTls::Explain() {
  const RecordFailure& failure = opener_.failure();
  if (failure.error == TlsError::kPeerAlert) return FailureOfAlert(failure.peer_alert, role_);
  // An alert that finds no room is not sent: the peer then sees the connection's end alone.
  static_cast<void>(SendAlert(failure.alert, kFatal));
  return FailureOfRecord(failure.error, failure.text, role_);
}

// UpdateKeys queues a KeyUpdate if one is due.
Outcome EstablishedTls::UpdateKeys() {
  const bool ask = opener_.is_update_wanted();
  if (close_sent_ || (!update_owed_ && !ask && !sealer_.is_update_due())) return Outcome::kOk;
  std::span<std::byte> record;
  const TlsOutput::Room room = output_.Reserve(kKeyUpdateRecordSize, record);
  if (room != TlsOutput::Room::kOk) return OutcomeOf(room);
  sealer_.SealKeyUpdate(ask ? KeyUpdateRequest::kRequested : KeyUpdateRequest::kNotRequested,
                        record);
  output_.Commit(record.size());
  update_owed_ = false;
  if (ask) opener_.AskedForUpdate();
  return Outcome::kOk;
}

Outcome EstablishedTls::Write(std::span<const ByteView> pieces) {
  if (const Outcome outcome = UpdateKeys(); outcome != Outcome::kOk) return outcome;
  size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  std::span<std::byte> record;
  const TlsOutput::Room room = output_.Reserve(size + kTlsRecordOverhead, record);
  if (room != TlsOutput::Room::kOk) return OutcomeOf(room);
  counts_.sealed_copied_bytes += sealer_.SealPieces(ContentType::kApplicationData, pieces, record);
  output_.Commit(record.size());
  counts_.sealed_bytes += size;
  return Outcome::kOk;
}

Outcome EstablishedTls::WriteInPlace(ByteView head, BufferRef& payload) {
  if (payload.room_before() < kTlsRecordHeader + head.size() ||
      payload.room_after() < kTlsRecordTrailer) {
    const std::array<ByteView, 2> pieces = {head, payload.bytes()};
    const Outcome outcome = Write(std::span(pieces).subspan(head.empty() ? 1 : 0));
    if (outcome == Outcome::kOk) payload = {};
    return outcome;
  }
  if (const Outcome outcome = UpdateKeys(); outcome != Outcome::kOk) return outcome;
  if (output_.full()) return Outcome::kOutputFull;
  std::byte* content = payload.bytes().data() - head.size();
  if (!head.empty()) std::memcpy(content, head.data(), head.size());
  const size_t size = head.size() + payload.size();
  const std::span<std::byte> record(content - kTlsRecordHeader, size + kTlsRecordOverhead);
  sealer_.SealInPlace(ContentType::kApplicationData, record);
  output_.Push(std::move(payload), record);
  payload = {};
  counts_.sealed_bytes += size;
  counts_.sealed_in_place_bytes += size;
  return Outcome::kOk;
}

Outcome EstablishedTls::SendAlert(TlsAlert alert, std::byte level) {
  std::span<std::byte> record;
  const TlsOutput::Room room = output_.Reserve(kAlertRecordSize, record);
  if (room != TlsOutput::Room::kOk) return OutcomeOf(room);
  const std::array<std::byte, kAlertSize> content = {level, static_cast<std::byte>(alert)};
  const ByteView piece = content;
  sealer_.SealPieces(ContentType::kAlert, {&piece, 1}, record);
  output_.Commit(record.size());
  return Outcome::kOk;
}

Outcome EstablishedTls::Close() {
  const Outcome outcome = SendAlert(TlsAlert::kCloseNotify, kWarning);  // 6.1.
  if (outcome == Outcome::kOk) close_sent_ = true;
  return outcome;
}

void EstablishedTls::Export(std::string_view label, ByteView context,
                            std::span<std::byte> out) const {
  TlsExport(sealer_.suite(), exporter_secret_.bytes(), label, context, out);
}

TlsCounts EstablishedTls::counts() const {
  TlsCounts counts = counts_;
  counts.opened_copied_bytes = input_.copied_bytes();
  return counts;
}

}  // namespace engine
