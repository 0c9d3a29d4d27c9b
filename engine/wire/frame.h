// The frame: the unit on a link. PROTOCOL.md, section "Frames", is the same in prose.
//
//     0        1        2                 4                                   8
//     +--------+--------+-----------------+-----------------------------------+-----------
//     |  type  | flags  |  payload size   |             stream id             | payload ...
//     +--------+--------+-----------------+-----------------------------------+-----------
//
// All fields are big-endian. Header and payload together are at most 16,384 bytes, so that a frame
// fits one TLS record (RFC 8446, section 5.1: 2^14 bytes of plaintext).

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/bytes.h"

namespace engine {

inline constexpr size_t kFrameSizeMax = 16 * 1024;
inline constexpr size_t kFrameHeaderSize = 1 + 1 + 2 + 4;
inline constexpr size_t kFramePayloadMax = kFrameSizeMax - kFrameHeaderSize;

// What may be sent on a stream before its open was answered, where both sides say so.
inline constexpr size_t kEarlyDataMax = kFramePayloadMax;
static_assert(kFrameHeaderSize == 8);
static_assert(kFramePayloadMax == 16'376);

// Maxima of what a frame that is no data carries, in bytes. They bound what a parser assembles.
inline constexpr size_t kControlSizeMax = 8 * 1024;  // One control message.
inline constexpr size_t kOpenRequestMax = 8 * 1024;  // One open request.
inline constexpr size_t kCloseTextMax = 1024;        // The text of kReject, kReset and kGoaway.
static_assert(sizeof(uint64_t) + kOpenRequestMax <= kFramePayloadMax);

// StreamId names a stream for the life of its link; ids are never reused on it. The side that
// connected opens odd ids, the side that accepted even ones. Zero is the link itself.
enum class StreamId : uint32_t {};
inline constexpr StreamId kLinkStream{0};

// FrameType values are on the wire; never renumber them.
//
//   type      stream  payload                                        flags
//   kOpen     new     u64 limit, then the open request (JSON)        kFlagInteractive
//   kAccept   id      u64 limit                                      answer to kOpen: go on
//   kReject   id      u16 code, then a text for people               answer to kOpen: closed
//   kData     id      1 to kFramePayloadMax bytes of the stream      kFlagStderr
//   kFinish   id      u64 final offset                               no more data follows
//   kReset    id      u16 code, then a text for people               both directions end now
//   kCredit   id      u64 received, u64 limit: absolute offsets      see mux/credit.h
//   kPing     0       u64 opaque                                     kFlagAnswer
//   kGoaway   0       u16 code, then a text for people               no new streams
//   kControl  any     one control message (JSON), wire/control.h     stream 0: of the link
//   kAck      0       u64 position: bytes of the link received       see mux/sent_log.h
//
// 0x20 to 0x2F are reserved for datagram streams (UDP).
enum class FrameType : uint8_t {
  kOpen = 0x01,
  kAccept = 0x02,
  kReject = 0x03,
  kData = 0x04,
  kFinish = 0x05,
  kReset = 0x06,
  kCredit = 0x07,
  kPing = 0x08,
  kGoaway = 0x09,
  kControl = 0x0A,
  kAck = 0x0B,
};

// Flags by type; a bit that a type does not define must be zero, or the frame is illegal.
inline constexpr uint8_t kFlagInteractive = 0x01;  // kOpen: keystrokes, not bulk.
inline constexpr uint8_t kFlagStderr = 0x01;       // kData: the second channel of a command.
inline constexpr uint8_t kFlagAnswer = 0x01;       // kPing: an echo of the other side's ping.

// Priority is how an opener wants a stream scheduled; kFlagInteractive says it to the other side.
enum class Priority : uint8_t { kInteractive, kBulk };

struct FrameHeader {
  FrameType type;
  uint8_t flags;
  uint16_t payload_size;
  StreamId stream;
};

// CloseCode says why a stream or a link ended. The values are on the wire; never renumber them.
enum class CloseCode : uint16_t {
  kNormal = 0,
  kProtocolError = 1,  // The peer broke PROTOCOL.md; the text says how.
  kFlowControl = 2,    // The peer sent beyond its limit.
  kDenied = 3,         // Policy, document or grant says no.
  kSilent = 4,         // Nothing was heard within the liveness deadline.
  kInternal = 5,
  kConnectionRefused = 6,  // tcp: nobody listens at the target.
  kUnreachable = 7,        // tcp: no route to the target.
  kTimedOut = 8,           // tcp: the target did not answer.
  kNameNotFound = 9,       // tcp: the node cannot resolve the host.
  kConnectionReset = 10,   // tcp: the target, or the local program, reset the connection.
  kTooMany = 11,           // A maximum is reached: streams, sessions, descriptors.
  kSessionEnded = 12,      // Terminated by an administrator or its owner.
  kShuttingDown = 13,      // The process stops or restarts; come again.
  kReplaced = 14,          // The same identity connected anew: newest wins.
  kElsewhere = 15,    // The session lives on another loop of this relay; the text is its index.
  kUnsupported = 16,  // The request's kind or version is not known here.
  kNodeGone = 17,     // The node's link ended.
  kBadToken = 18,     // The session token is wrong, used up or too old.
  kCannotStart = 19,  // shell, exec: the program could not be started; the text says why.
};

// CloseCodeName returns a stable lower-case name for logs, "unknown" for a code of a newer peer.
std::string_view CloseCodeName(CloseCode code);

// FrameError is what can be wrong with eight bytes of header. Each is the peer's mistake.
enum class FrameError : uint8_t {
  kNone,
  kUnknownType,
  kUnknownFlags,
  kPayloadTooLarge,   // Header and payload beyond kFrameSizeMax.
  kPayloadSizeWrong,  // Not what the type asks for: see the maxima above.
  kWrongStream,       // A link frame on a stream, or a stream frame on stream 0.
};
std::string_view FrameErrorText(FrameError error);

// ParseFrameHeader reads and checks all that a header alone can tell.
// Requires: bytes.size() >= kFrameHeaderSize.
FrameError ParseFrameHeader(ByteView bytes, FrameHeader& out);

// BuildFrameHeader writes kFrameHeaderSize bytes at `out`. Requires: a legal header.
void BuildFrameHeader(const FrameHeader& header, std::byte* out);

}  // namespace engine
