// AgentMessage: the binary message of AWS's data and control channels, one per WebSocket message.
//
//     0     4              36      40         48        56     64          80       112      116
//     120
//     +-----+--------------+-------+----------+---------+------+-----------+--------+--------+--------+----
//     | 116 | message type |schema | created  |sequence | flags| message id| digest |payload
//     |payload |pay- | u32 | 32, spaces   | u32   | u64, ms  | i64     | u64  | 16, halves|
//     SHA-256|type u32|size u32|load
//     +-----+--------------+-------+----------+---------+------+-swapped---+--------+--------+--------+----
//
// Integers are big-endian. The digest is that of the payload as sent. A payload is never empty.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/random.h"

namespace engine::datachannel {

inline constexpr size_t kAgentHeaderSize =
    116;  // As the first field says: without the payload's size.
inline constexpr size_t kAgentPayloadOffset = kAgentHeaderSize + sizeof(uint32_t);
// Real senders stay below 1,200 bytes a message on a data channel; what is larger is read up to
// here.
inline constexpr size_t kAgentPayloadMax = 64 * 1024;
inline constexpr size_t kAgentMessageSizeMax = kAgentPayloadOffset + kAgentPayloadMax;
// What we put into one message of stream data, as every real sender does.
inline constexpr size_t kStreamPayloadMax = 1024;

enum class MessageType : uint8_t {
  kInputStreamData,   // Client to machine.
  kOutputStreamData,  // Machine to client.
  kAcknowledge,
  kChannelClosed,      // The service's last word.
  kStartPublication,   // The client is back: go on.
  kPausePublication,   // The client is away: hold your output.
  kAgentSessionState,  // Machine to service alone.
  // On a control channel alone; control_payloads.h has what stands in them.
  kStartTask,        // Service to machine: begin a session.
  kTaskComplete,     // Machine to service: a session is over.
  kTaskAcknowledge,  // Service to machine: it was heard.
};

// PayloadType says what the payload of stream data is; kNone in every other message. Values are on
// the wire.
enum class PayloadType : uint32_t {
  kNone = 0,
  kOutput = 1,  // Bytes of the session, in both directions.
  kError = 2,
  kSize = 3,  // The terminal's size.
  kParameter = 4,
  kHandshakeRequest = 5,
  kHandshakeResponse = 6,
  kHandshakeComplete = 7,
  kChallengeRequest = 8,
  kChallengeResponse = 9,
  kFlag = 10,
  kStdErr = 11,
  kExitCode = 12,
};

// The bits of AgentMessage::flags. Receivers ignore them; senders set them as real ones do.
inline constexpr uint64_t kFlagSyn = 1;  // The machine's message 0.
inline constexpr uint64_t kFlagFin = 2;
inline constexpr uint64_t kFlagsOfAcknowledge = kFlagSyn | kFlagFin;

// MessageId is a UUID in the order of its text. On the wire its halves are swapped.
using MessageId = std::array<std::byte, 16>;

// FormatMessageId writes the text, such as 00112233-4455-6677-8899-aabbccddeeff; ParseMessageId
// reads it, and returns false for any other text.
inline constexpr size_t kMessageIdTextSize = 36;
void FormatMessageId(const MessageId& id, std::span<char, kMessageIdTextSize> out);
bool ParseMessageId(std::string_view text, MessageId& out);

// NewMessageId returns a version 4 UUID (RFC 4122, section 4.4). It names a message and keeps no
// secret.
MessageId NewMessageId(Random& random);

struct AgentMessage {
  MessageType type = MessageType::kInputStreamData;
  uint32_t schema_version = 1;
  uint64_t created_ms = 0;  // Unix time; never 0, which real receivers drop.
  int64_t sequence = 0;
  uint64_t flags = 0;
  MessageId id{};
  PayloadType payload_type = PayloadType::kNone;  // Foreign: it may be none of the above.
  ByteView payload;                               // In the bytes that were decoded.
};

// Name returns the type as it is on the wire.
std::string_view Name(MessageType type);

enum class AgentMessageError : uint8_t {
  kNone,
  kTooShort,     // No whole header, or no payload.
  kTooLong,      // More than kAgentMessageSizeMax.
  kHeaderSize,   // The first field is not 116.
  kUnknownType,  // A message type that has no business on a data channel.
  kNoDate,       // created_ms is 0.
  kPayloadSize,  // The payload's size is not what follows.
  kDigest,       // The payload is not what was sent.
};

// Decode reads one message. Of start_publication and pause_publication nothing but the type has to
// be right, since real services send them with whatever header: their other fields may be zero.
// When it returns an error, `out` is not changed.
AgentMessageError Decode(ByteView bytes, AgentMessage& out);

// Encode writes the message and returns its size, kAgentPayloadOffset + payload.
// Requires: a payload that is not empty, created_ms that is not 0, and room for all of it.
size_t Encode(const AgentMessage& message, std::span<std::byte> out);

}  // namespace engine::datachannel
