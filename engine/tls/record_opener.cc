#include "engine/tls/record_opener.h"

#include <algorithm>

#include "engine/base/check.h"

namespace engine {

RecordOpener::Result RecordOpener::Fail(TlsError error, TlsAlert alert, const char* text) {
  failure_ = {.error = error, .alert = alert, .peer_alert = 0, .text = text};
  return Result::kFailed;
}

size_t RecordOpener::SizeOf(ByteView header) {
  CHECK(!has_failed());
  CHECK(header.size() == kTlsRecordHeader);
  // A change_cipher_spec was allowed until the peer's Finished, and an alert or a handshake message
  // in the clear as well (5): that is over.
  if (header[0] != static_cast<std::byte>(ContentType::kApplicationData)) {
    Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage, "a record without protection");
    return 0;
  }
  // The RFC would have the version ignored (5.1), but it is sealed with the record, nobody sends
  // another, and BoringSSL refuses it as well.
  if (LoadBig<uint16_t>(header.data() + 1) != kLegacyRecordVersion) {
    Fail(TlsError::kProtocol, TlsAlert::kProtocolVersion, "a record of another version");
    return 0;
  }
  const size_t sealed_size = LoadBig<uint16_t>(header.data() + 3);
  if (sealed_size > kTlsSealedMax) {  // 5.2.
    Fail(TlsError::kProtocol, TlsAlert::kRecordOverflow, "a record that is too long");
    return 0;
  }
  // Nothing so short can hold a content type and a tag, so it cannot be genuine (5.2).
  if (sealed_size < kTlsRecordTrailer) {
    Fail(TlsError::kBadRecord, TlsAlert::kBadRecordMac, "a record that is too short");
    return 0;
  }
  return kTlsRecordHeader + sealed_size;
}

RecordOpener::Result RecordOpener::Open(std::span<std::byte> record,
                                        std::span<std::byte>& content) {
  CHECK(!has_failed());
  CHECK(record.size() >= kTlsRecordOverhead);
  CHECK(record.size() <= kTlsRecordSizeMax);
  if (keys_.sequence() >= TrafficKeys::kSequenceMax) return FailSpent();
  const std::span<std::byte> inner =
      record.subspan(kTlsRecordHeader, record.size() - kTlsRecordHeader - kTlsRecordTag);
  const bool genuine =
      keys_.Open(record.first<kTlsRecordHeader>(), inner, record.last<kTlsRecordTag>());
  return Judge(genuine, inner, content);
}

RecordOpener::Result RecordOpener::OpenPieces(ByteView first, ByteView second,
                                              std::span<std::byte> record,
                                              std::span<std::byte>& content) {
  CHECK(!has_failed());
  CHECK(first.size() >= kTlsRecordHeader);
  CHECK(first.size() + second.size() == record.size());
  CHECK(record.size() >= kTlsRecordOverhead);
  CHECK(record.size() <= kTlsRecordSizeMax);
  if (keys_.sequence() >= TrafficKeys::kSequenceMax) return FailSpent();
  const std::span<std::byte> inner =
      record.subspan(kTlsRecordHeader, record.size() - kTlsRecordHeader - kTlsRecordTag);
  // The tag may lie in both.
  std::array<std::byte, kTlsRecordTag> tag;
  const ByteView header = first.first(kTlsRecordHeader);
  first = first.subspan(kTlsRecordHeader);
  const size_t tag_in_second = std::min(second.size(), tag.size());
  const size_t tag_in_first = tag.size() - tag_in_second;
  std::copy(first.end() - static_cast<ptrdiff_t>(tag_in_first), first.end(), tag.begin());
  std::copy(second.end() - static_cast<ptrdiff_t>(tag_in_second), second.end(),
            tag.begin() + static_cast<ptrdiff_t>(tag_in_first));
  const std::array<ByteView, 2> pieces = {first.first(first.size() - tag_in_first),
                                          second.first(second.size() - tag_in_second)};
  return Judge(keys_.OpenPieces(header, pieces, inner, tag), inner, content);
}

RecordOpener::Result RecordOpener::FailSpent() {
  return Fail(TlsError::kProtocol, TlsAlert::kInternalError,
              "more records than one key may have");  // 5.3.
}

RecordOpener::Result RecordOpener::Judge(bool genuine, std::span<std::byte> inner,
                                         std::span<std::byte>& content) {
  if (!genuine) {
    return Fail(TlsError::kBadRecord, TlsAlert::kBadRecordMac,
                "a record was changed or forged on the way");  // 5.2.
  }
  // With its padding, the inside may be 2^14 bytes and the content type (5.4).
  if (inner.size() > kTlsRecordPlaintextMax + 1) {
    return Fail(TlsError::kProtocol, TlsAlert::kRecordOverflow, "a record that is too long inside");
  }
  // The content type is the last byte that is not zero (5.4).
  size_t size = inner.size();
  while (size > 0 && inner[size - 1] == std::byte{}) --size;
  if (size == 0) {
    return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage,
                "a record without a content type");
  }
  --size;
  const auto type = static_cast<ContentType>(inner[size]);
  const bool in_message = message_header_size_ > 0 || message_left_ > 0;
  // A handshake message's parts follow one another, with nothing in between (5.1).
  if (in_message && type != ContentType::kHandshake && type != ContentType::kAlert) {
    return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage,
                "a record inside a handshake message");
  }
  switch (type) {
    case ContentType::kApplicationData:
      if (size == 0) {  // Allowed, as a disguise of traffic (5.4).
        if (++empty_records_ <= kEmptyRecordsMax) return Result::kNothing;
        return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage, "too many empty records");
      }
      empty_records_ = 0;
      key_updates_ = 0;
      user_canceled_ = 0;
      content = inner.first(size);
      return Result::kData;
    case ContentType::kAlert:
      return HandleAlert(inner.first(size));
    case ContentType::kHandshake:
      return HandleHandshake(inner.first(size));
    default:
      return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage,
                  "a record of an unknown type");  // 5.
  }
}

RecordOpener::Result RecordOpener::HandleAlert(ByteView content) {
  if (content.empty()) {  // 5.4.
    return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage, "an empty alert");
  }
  if (content.size() != kAlertSize) {  // One whole alert to a record (5.1).
    return Fail(TlsError::kProtocol, TlsAlert::kDecodeError, "an alert that is none");
  }
  // The level says nothing any more: all but these two are errors, the unknown ones too (6).
  const auto description = static_cast<uint8_t>(content[1]);
  if (description == static_cast<uint8_t>(TlsAlert::kCloseNotify)) return Result::kEnd;
  if (description == static_cast<uint8_t>(TlsAlert::kUserCanceled)) {
    if (++user_canceled_ <= kUserCanceledMax) return Result::kNothing;
    return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage, "too many warnings");
  }
  failure_ = {.error = TlsError::kPeerAlert,
              .alert = TlsAlert::kCloseNotify,
              .peer_alert = description,
              .text = "the peer sent an alert"};
  return Result::kFailed;
}

RecordOpener::Result RecordOpener::HandleHandshake(ByteView content) {
  if (content.empty()) {  // 5.1.
    return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage, "an empty handshake record");
  }
  while (!content.empty()) {
    if (message_left_ > 0) {  // The body of a ticket.
      const size_t size = std::min<size_t>(message_left_, content.size());
      message_left_ -= static_cast<uint32_t>(size);
      content = content.subspan(size);
      continue;
    }
    if (message_header_size_ < kHandshakeHeader) {
      message_header_[message_header_size_++] = content.front();
      content = content.subspan(1);
      if (message_header_size_ < kHandshakeHeader) continue;
    }
    const auto type = static_cast<HandshakeType>(message_header_[0]);
    const uint32_t size = LoadBig<uint32_t>(message_header_.data()) & 0xFFFFFF;
    if (type == HandshakeType::kKeyUpdate) {
      if (size != 1) {
        return Fail(TlsError::kProtocol, TlsAlert::kDecodeError, "a key update of another size");
      }
      if (content.empty()) return Result::kNothing;  // Its one byte is in the next record.
      message_header_size_ = 0;
      // What follows would have been sealed under the old key (5.1).
      if (content.size() > 1) {
        return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage,
                    "a message behind a key update");
      }
      return HandleKeyUpdate(content.front());
    }
    // A request for a certificate would have to be offered by us first, and nothing else may come
    // after the handshake (4.6).
    if (type != HandshakeType::kNewSessionTicket || tickets_ == Tickets::kForbidden) {
      return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage,
                  "a handshake message that may not come any more");
    }
    if (size > kMessageSizeMax) {
      return Fail(TlsError::kProtocol, TlsAlert::kIllegalParameter,
                  "a handshake message that is too long");
    }
    message_header_size_ = 0;
    message_left_ = size;
  }
  return Result::kNothing;
}

RecordOpener::Result RecordOpener::HandleKeyUpdate(std::byte request) {
  if (request > static_cast<std::byte>(KeyUpdateRequest::kRequested)) {  // 4.6.3.
    return Fail(TlsError::kProtocol, TlsAlert::kIllegalParameter, "a key update of another kind");
  }
  // Each costs us several hashes and, at its request, a record.
  if (++key_updates_ > kKeyUpdatesMax) {
    return Fail(TlsError::kProtocol, TlsAlert::kUnexpectedMessage, "too many key updates");
  }
  keys_.Update();
  asked_for_update_ = false;
  return request == static_cast<std::byte>(KeyUpdateRequest::kRequested) ? Result::kUpdateRequested
                                                                         : Result::kNothing;
}

}  // namespace engine
