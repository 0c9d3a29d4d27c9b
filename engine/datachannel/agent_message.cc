#include "engine/datachannel/agent_message.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"
#include "engine/crypto/digest.h"

namespace engine::datachannel {
namespace {

constexpr size_t kTypeSize = 32;
constexpr size_t kTypeOffset = sizeof(uint32_t);
constexpr size_t kIdHalfSize = sizeof(MessageId) / 2;

// In the order of MessageType.
constexpr std::string_view kNames[] = {
    "input_stream_data",   "output_stream_data",     "acknowledge",         "channel_closed",
    "start_publication",   "pause_publication",      "agent_session_state", "interactive_shell",
    "agent_task_complete", "agent_task_acknowledge",
};
static_assert(std::ranges::all_of(kNames, [](auto name) { return name.size() <= kTypeSize; }));

bool FindType(ByteView field, MessageType& out) {
  std::string_view name = AsText(field);
  // Senders pad with spaces; some pad with zeros, and real readers take both.
  while (!name.empty() && (name.back() == ' ' || name.back() == '\0')) name.remove_suffix(1);
  const auto found = std::ranges::find(kNames, name);
  if (found == std::end(kNames)) return false;
  out = static_cast<MessageType>(found - std::begin(kNames));
  return true;
}

bool IsPublication(MessageType type) {
  return type == MessageType::kStartPublication || type == MessageType::kPausePublication;
}

// IsDash says where the dashes of a UUID's text stand.
bool IsDash(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

// SwapHalves goes both ways: from the order of the text to that of the wire, and back.
MessageId SwapHalves(const std::byte* from) {
  MessageId id;
  std::copy_n(from, kIdHalfSize, id.begin() + kIdHalfSize);
  std::copy_n(from + kIdHalfSize, kIdHalfSize, id.begin());
  return id;
}

}  // namespace

std::string_view Name(MessageType type) { return kNames[static_cast<size_t>(type)]; }

AgentMessageError Decode(ByteView bytes, AgentMessage& out) {
  if (bytes.size() > kAgentMessageSizeMax) return AgentMessageError::kTooLong;
  if (bytes.size() < kTypeOffset + kTypeSize) return AgentMessageError::kTooShort;
  AgentMessage message;
  if (!FindType(bytes.subspan(kTypeOffset, kTypeSize), message.type)) {
    return AgentMessageError::kUnknownType;
  }
  if (IsPublication(message.type)) {
    out = message;
    return AgentMessageError::kNone;
  }
  if (bytes.size() <= kAgentPayloadOffset) return AgentMessageError::kTooShort;

  ByteReader reader(bytes);
  uint32_t header_size = 0;
  uint32_t payload_type = 0;
  uint32_t payload_size = 0;
  ByteView type_field, id, digest;
  const bool is_read = reader.Read(header_size) && reader.ReadBytes(kTypeSize, type_field) &&
                       reader.Read(message.schema_version) && reader.Read(message.created_ms) &&
                       reader.Read(message.sequence) && reader.Read(message.flags) &&
                       reader.ReadBytes(sizeof(MessageId), id) &&
                       reader.ReadBytes(crypto::kSha256Size, digest) && reader.Read(payload_type) &&
                       reader.Read(payload_size);
  CHECK(is_read);  // The size was looked at.
  if (header_size != kAgentHeaderSize) return AgentMessageError::kHeaderSize;
  if (message.created_ms == 0) return AgentMessageError::kNoDate;
  message.payload = reader.rest();
  if (payload_size != message.payload.size()) return AgentMessageError::kPayloadSize;
  if (!std::ranges::equal(digest, crypto::Sha256(message.payload))) {
    return AgentMessageError::kDigest;
  }
  message.id = SwapHalves(id.data());
  message.payload_type = static_cast<PayloadType>(payload_type);
  out = message;
  return AgentMessageError::kNone;
}

size_t Encode(const AgentMessage& message, std::span<std::byte> out) {
  CHECK(!message.payload.empty());
  CHECK(message.payload.size() <= kAgentPayloadMax);
  CHECK(message.created_ms != 0);
  const size_t size = kAgentPayloadOffset + message.payload.size();
  CHECK(out.size() >= size);

  std::byte* at = out.data();
  const auto put = [&at](auto value) {
    StoreBig(at, value);
    at += sizeof(value);
  };
  const auto put_bytes = [&at](ByteView bytes) {
    std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
  };
  put(static_cast<uint32_t>(kAgentHeaderSize));
  const std::string_view name = Name(message.type);
  put_bytes(AsBytes(name));
  std::memset(at, ' ', kTypeSize - name.size());
  at += kTypeSize - name.size();
  put(message.schema_version);
  put(message.created_ms);
  put(message.sequence);
  put(message.flags);
  put_bytes(SwapHalves(message.id.data()));
  put_bytes(crypto::Sha256(message.payload));
  put(static_cast<uint32_t>(message.payload_type));
  put(static_cast<uint32_t>(message.payload.size()));
  put_bytes(message.payload);
  return size;
}

void FormatMessageId(const MessageId& id, std::span<char, kMessageIdTextSize> out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  size_t at = 0;
  for (const std::byte byte : id) {
    if (IsDash(at)) out[at++] = '-';
    out[at++] = kDigits[std::to_integer<size_t>(byte) >> 4];
    out[at++] = kDigits[std::to_integer<size_t>(byte) & 0xF];
  }
}

bool ParseMessageId(std::string_view text, MessageId& out) {
  if (text.size() != kMessageIdTextSize) return false;
  std::array<char, 2 * sizeof(MessageId)> digits;
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsDash(i) != (text[i] == '-')) return false;
    if (!IsDash(i)) digits[count++] = text[i];
  }
  return FromHex({digits.data(), digits.size()}, out);
}

MessageId NewMessageId(Random& random) {
  MessageId id;
  StoreBig(id.data(), random.Next());
  StoreBig(id.data() + sizeof(uint64_t), random.Next());
  id[6] = (id[6] & std::byte{0x0F}) | std::byte{0x40};
  id[8] = (id[8] & std::byte{0x3F}) | std::byte{0x80};
  return id;
}

}  // namespace engine::datachannel
