// Goal: our messages are those of the real programs, byte for byte, and no other bytes are taken
// for one.
// Method: vectors that real programs agree with, then one field wrong at a time.

#include "engine/datachannel/agent_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/crypto/digest.h"
#include "engine/datachannel/agent_payloads.h"

namespace engine::datachannel {
namespace {

using Error = AgentMessageError;

// input_stream_data, number 7, payload "hi".
constexpr std::string_view kVector =
    "00000074696e7075745f73747265616d5f646174612020202020202020202020"
    "20202020000000010000018bcfe5680000000000000000070000000000000000"
    "8899aabbccddeeff00112233445566778f434346648f6b96df89dda901c5176b"
    "10a6d83961dd3c1ac88b59b2dc327aa400000001000000026869";

std::vector<std::byte> FromHexText(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  EXPECT_TRUE(FromHex(hex, bytes));
  return bytes;
}

MessageId Id(std::string_view text) {
  MessageId id{};
  EXPECT_TRUE(ParseMessageId(text, id));
  return id;
}

std::vector<std::byte> Encoded(const AgentMessage& message) {
  std::vector<std::byte> bytes(kAgentPayloadOffset + message.payload.size());
  EXPECT_EQ(Encode(message, bytes), bytes.size());
  return bytes;
}

AgentMessage Message(std::string_view payload) {
  return {.created_ms = 1, .payload_type = PayloadType::kOutput, .payload = AsBytes(payload)};
}

Error ErrorOf(ByteView bytes) {
  AgentMessage out{.sequence = 4711};
  const Error error = Decode(bytes, out);
  const bool is_unchanged = out.sequence == 4711;
  EXPECT_TRUE(error == Error::kNone || is_unchanged) << "nothing is half read";
  return error;
}

TEST(AgentMessage, StreamDataIsTheVector) {
  const AgentMessage message{.type = MessageType::kInputStreamData,
                             .created_ms = 1'700'000'000'000,
                             .sequence = 7,
                             .id = Id("00112233-4455-6677-8899-aabbccddeeff"),
                             .payload_type = PayloadType::kOutput,
                             .payload = AsBytes("hi")};
  EXPECT_EQ(ToHex(Encoded(message)), kVector);

  const std::vector<std::byte> vector = FromHexText(kVector);
  AgentMessage read;
  ASSERT_EQ(Decode(vector, read), Error::kNone);
  EXPECT_EQ(read.type, MessageType::kInputStreamData);
  EXPECT_EQ(read.schema_version, 1u);
  EXPECT_EQ(read.created_ms, 1'700'000'000'000u);
  EXPECT_EQ(read.sequence, 7);
  EXPECT_EQ(read.flags, 0u);
  EXPECT_EQ(read.id, message.id);
  EXPECT_EQ(read.payload_type, PayloadType::kOutput);
  EXPECT_EQ(AsText(read.payload), "hi");
}

TEST(AgentMessage, AnAcknowledgementIsTheVector) {
  std::array<char, kAcknowledgeTextMax> text;
  const size_t size = EncodeAcknowledge({.type = MessageType::kInputStreamData,
                                         .id = Id("00112233-4455-6677-8899-aabbccddeeff"),
                                         .sequence = 7},
                                        text);
  EXPECT_EQ(size, 175u);
  const std::vector<std::byte> bytes =
      Encoded({.type = MessageType::kAcknowledge,
               .created_ms = 1'700'000'000'001,
               .flags = kFlagsOfAcknowledge,
               .id = Id("ffeeddcc-bbaa-9988-7766-554433221100"),
               .payload = AsBytes(std::string_view(text.data(), size))});
  EXPECT_EQ(bytes.size(), 295u);
  EXPECT_EQ(crypto::HexSha256(bytes),
            "23a952d652e61bb9a8d11da3d68594fcefa49b7fff83544ed6fb9080ef706736");
  EXPECT_EQ(ToHex(ByteView(bytes).subspan(64, 16)), "7766554433221100ffeeddccbbaa9988");
}

// Trap P10: halves of the id swapped, the type padded with spaces, big-endian integers.
TEST(AgentMessage, TheTypeIsPaddedWithSpacesAndReadWithZerosToo) {
  std::vector<std::byte> bytes = FromHexText(kVector);
  for (size_t i = 4 + 17; i < 36; ++i) EXPECT_EQ(bytes[i], std::byte{' '});
  for (size_t i = 4 + 17; i < 36; ++i) bytes[i] = std::byte{0};
  EXPECT_EQ(ErrorOf(bytes), Error::kNone);
  bytes[4 + 17] = std::byte{'x'};
  EXPECT_EQ(ErrorOf(bytes), Error::kUnknownType);
}

TEST(AgentMessage, EveryTypeComesBackAsItself) {
  for (uint8_t i = 0; i <= static_cast<uint8_t>(MessageType::kAgentSessionState); ++i) {
    AgentMessage message = Message("x");
    message.type = static_cast<MessageType>(i);
    AgentMessage read;
    ASSERT_EQ(Decode(Encoded(message), read), Error::kNone);
    EXPECT_EQ(read.type, message.type);
  }
}

TEST(AgentMessage, TheLargestPayloadPassesAndOneMoreByteDoesNot) {
  const std::string payload(kAgentPayloadMax, 'p');
  std::vector<std::byte> bytes = Encoded(Message(payload));
  EXPECT_EQ(bytes.size(), kAgentMessageSizeMax);
  EXPECT_EQ(ErrorOf(bytes), Error::kNone);
  bytes.push_back(std::byte{});
  EXPECT_EQ(ErrorOf(bytes), Error::kTooLong);
}

// Trap P19: an empty payload is illegal both ways.
TEST(AgentMessage, EverySizeThatIsTooSmallIsTooShort) {
  const std::vector<std::byte> bytes = FromHexText(kVector);
  for (size_t size = 0; size <= kAgentPayloadOffset; ++size) {
    EXPECT_EQ(ErrorOf(ByteView(bytes).first(size)), Error::kTooShort) << size;
  }
  EXPECT_EQ(ErrorOf(ByteView(bytes).first(121)), Error::kPayloadSize);
}

// Trap P8: created 0, and a header size that is not 116, are dropped by real receivers.
TEST(AgentMessage, OneWrongFieldIsNamed) {
  const auto changed = [](size_t offset, uint32_t value) {
    std::vector<std::byte> bytes = FromHexText(kVector);
    StoreBig(bytes.data() + offset, value);
    return bytes;
  };
  EXPECT_EQ(ErrorOf(changed(0, 0)), Error::kHeaderSize);
  EXPECT_EQ(ErrorOf(changed(0, 117)), Error::kHeaderSize);
  EXPECT_EQ(ErrorOf(changed(0, UINT32_MAX)), Error::kHeaderSize);
  EXPECT_EQ(ErrorOf(changed(116, 3)), Error::kPayloadSize);
  EXPECT_EQ(ErrorOf(changed(116, UINT32_MAX)), Error::kPayloadSize);
  EXPECT_EQ(ErrorOf(changed(80, 0)), Error::kDigest);
  EXPECT_EQ(ErrorOf(changed(4, 0)), Error::kUnknownType);
  std::vector<std::byte> undated = FromHexText(kVector);
  StoreBig(undated.data() + 40, uint64_t{0});
  EXPECT_EQ(ErrorOf(undated), Error::kNoDate);
  std::vector<std::byte> other = FromHexText(kVector);
  other.back() = std::byte{'I'};
  EXPECT_EQ(ErrorOf(other), Error::kDigest);
}

TEST(AgentMessage, APublicationNeedsNothingButItsType) {
  AgentMessage message = Message("{}");
  message.type = MessageType::kPausePublication;
  std::vector<std::byte> bytes = Encoded(message);
  std::fill(bytes.begin() + 36, bytes.end(), std::byte{});
  StoreBig(bytes.data(), uint32_t{0});
  for (const size_t size : {bytes.size(), kAgentPayloadOffset, size_t{36}}) {
    AgentMessage read;
    EXPECT_EQ(Decode(ByteView(bytes).first(size), read), Error::kNone) << size;
    EXPECT_EQ(read.type, MessageType::kPausePublication);
  }
  EXPECT_EQ(ErrorOf(ByteView(bytes).first(35)), Error::kTooShort);
}

TEST(AgentMessage, ASequenceNumberMayBeAnything) {
  for (const int64_t sequence : {INT64_MIN, int64_t{-1}, INT64_MAX}) {
    AgentMessage message = Message("x");
    message.sequence = sequence;
    AgentMessage read;
    ASSERT_EQ(Decode(Encoded(message), read), Error::kNone);
    EXPECT_EQ(read.sequence, sequence);
  }
}

TEST(AgentMessage, AnIdIsReadOnlyInItsOwnForm) {
  MessageId id{};
  const std::string good = "00112233-4455-6677-8899-aabbccddeeff";
  ASSERT_TRUE(ParseMessageId(good, id));
  std::array<char, kMessageIdTextSize> text;
  FormatMessageId(id, text);
  EXPECT_EQ(std::string_view(text.data(), text.size()), good);
  for (std::string bad : {good + "0", good.substr(1), std::string(36, '0'), std::string(36, '-')}) {
    EXPECT_FALSE(ParseMessageId(bad, id)) << bad;
  }
}

}  // namespace
}  // namespace engine::datachannel
