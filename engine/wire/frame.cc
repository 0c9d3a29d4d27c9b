#include "engine/wire/frame.h"

#include "engine/base/check.h"

namespace engine {
namespace {

// FrameRule is one line of the table in frame.h.
struct FrameRule {
  enum class On : uint8_t { kStream, kLink, kAny };
  On on = On::kStream;
  uint8_t flags = 0;
  uint16_t payload_min = 0;
  uint16_t payload_max = 0;
};

constexpr uint16_t kCloseMax = sizeof(uint16_t) + kCloseTextMax;

// RuleOf returns false for a type that version 1 does not know.
bool RuleOf(FrameType type, FrameRule& out) {
  using On = FrameRule::On;
  switch (type) {
    case FrameType::kOpen:
      out = {On::kStream, kFlagInteractive, 8 + 1, 8 + kOpenRequestMax};
      return true;
    case FrameType::kAccept:
      out = {On::kStream, 0, 8, 8};
      return true;
    case FrameType::kReject:
    case FrameType::kReset:
      out = {On::kStream, 0, 2, kCloseMax};
      return true;
    case FrameType::kData:
      out = {On::kStream, kFlagStderr, 1, kFramePayloadMax};
      return true;
    case FrameType::kFinish:
      out = {On::kStream, 0, 8, 8};
      return true;
    case FrameType::kCredit:
      out = {On::kStream, 0, 16, 16};
      return true;
    case FrameType::kPing:
      out = {On::kLink, kFlagAnswer, 8, 8};
      return true;
    case FrameType::kGoaway:
      out = {On::kLink, 0, 2, kCloseMax};
      return true;
    case FrameType::kControl:
      out = {On::kAny, 0, 1, kControlSizeMax};
      return true;
    case FrameType::kAck:
      out = {On::kLink, 0, 8, 8};
      return true;
  }
  return false;
}

}  // namespace

std::string_view CloseCodeName(CloseCode code) {
  switch (code) {
    case CloseCode::kNormal:
      return "normal";
    case CloseCode::kProtocolError:
      return "protocol-error";
    case CloseCode::kFlowControl:
      return "flow-control";
    case CloseCode::kDenied:
      return "denied";
    case CloseCode::kSilent:
      return "silent";
    case CloseCode::kInternal:
      return "internal";
    case CloseCode::kConnectionRefused:
      return "connection-refused";
    case CloseCode::kUnreachable:
      return "unreachable";
    case CloseCode::kTimedOut:
      return "timed-out";
    case CloseCode::kNameNotFound:
      return "name-not-found";
    case CloseCode::kConnectionReset:
      return "connection-reset";
    case CloseCode::kTooMany:
      return "too-many";
    case CloseCode::kSessionEnded:
      return "session-ended";
    case CloseCode::kShuttingDown:
      return "shutting-down";
    case CloseCode::kReplaced:
      return "replaced";
    case CloseCode::kElsewhere:
      return "elsewhere";
    case CloseCode::kUnsupported:
      return "unsupported";
    case CloseCode::kNodeGone:
      return "node-gone";
    case CloseCode::kBadToken:
      return "bad-token";
    case CloseCode::kCannotStart:
      return "cannot-start";
  }
  return "unknown";
}

std::string_view FrameErrorText(FrameError error) {
  switch (error) {
    case FrameError::kNone:
      return "no error";
    case FrameError::kUnknownType:
      return "unknown frame type";
    case FrameError::kUnknownFlags:
      return "flags that the frame type does not define";
    case FrameError::kPayloadTooLarge:
      return "frame larger than 16384 bytes";
    case FrameError::kPayloadSizeWrong:
      return "payload size does not fit the frame type";
    case FrameError::kWrongStream:
      return "frame type does not belong on this stream";
  }
  return "unknown frame error";
}

FrameError ParseFrameHeader(ByteView bytes, FrameHeader& out) {
  CHECK(bytes.size() >= kFrameHeaderSize);
  out.type = static_cast<FrameType>(bytes[0]);
  out.flags = static_cast<uint8_t>(bytes[1]);
  out.payload_size = LoadBig<uint16_t>(bytes.data() + 2);
  out.stream = static_cast<StreamId>(LoadBig<uint32_t>(bytes.data() + 4));

  FrameRule rule;
  if (!RuleOf(out.type, rule)) return FrameError::kUnknownType;
  if ((out.flags & ~rule.flags) != 0) return FrameError::kUnknownFlags;
  if (out.payload_size > kFramePayloadMax) return FrameError::kPayloadTooLarge;
  if (out.payload_size < rule.payload_min || out.payload_size > rule.payload_max)
    return FrameError::kPayloadSizeWrong;
  const bool is_link = out.stream == kLinkStream;
  if (rule.on == FrameRule::On::kLink && !is_link) return FrameError::kWrongStream;
  if (rule.on == FrameRule::On::kStream && is_link) return FrameError::kWrongStream;
  return FrameError::kNone;
}

void BuildFrameHeader(const FrameHeader& header, std::byte* out) {
  out[0] = static_cast<std::byte>(header.type);
  out[1] = static_cast<std::byte>(header.flags);
  StoreBig(out + 2, header.payload_size);
  StoreBig(out + 4, static_cast<uint32_t>(header.stream));
}

}  // namespace engine
