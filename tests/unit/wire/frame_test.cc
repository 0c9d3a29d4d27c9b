// Goal: the header parser accepts exactly what PROTOCOL.md lists, and says why for the rest.
// Method: every type at its limits and one beyond; then all types, flags and sizes by seed.

#include "engine/wire/frame.h"

#include <gtest/gtest.h>

#include <array>

#include "engine/base/random.h"

namespace engine {
namespace {

FrameError Parse(uint8_t type, uint8_t flags, size_t size, uint32_t stream) {
  std::array<std::byte, kFrameHeaderSize> bytes;
  BuildFrameHeader({static_cast<FrameType>(type), flags, static_cast<uint16_t>(size),
                    static_cast<StreamId>(stream)},
                   bytes.data());
  FrameHeader header;
  return ParseFrameHeader(bytes, header);
}

FrameError Parse(FrameType type, uint8_t flags, size_t size, uint32_t stream) {
  return Parse(static_cast<uint8_t>(type), flags, size, stream);
}

TEST(FrameHeader, HasItsBytesWhereTheDocumentSays) {
  std::array<std::byte, kFrameHeaderSize> bytes;
  BuildFrameHeader({FrameType::kData, kFlagStderr, 0x0203, StreamId{0x04050607}}, bytes.data());
  EXPECT_EQ(ToHex(bytes), "0401020304050607");
}

TEST(FrameHeader, ComesBackAsItWasBuilt) {
  std::array<std::byte, kFrameHeaderSize> bytes;
  BuildFrameHeader({FrameType::kOpen, kFlagInteractive, 300, StreamId{7}}, bytes.data());
  FrameHeader header;
  ASSERT_EQ(ParseFrameHeader(bytes, header), FrameError::kNone);
  EXPECT_EQ(header.type, FrameType::kOpen);
  EXPECT_EQ(header.flags, kFlagInteractive);
  EXPECT_EQ(header.payload_size, 300);
  EXPECT_EQ(header.stream, StreamId{7});
}

TEST(FrameHeader, IsRefusedWithAnUnknownType) {
  for (unsigned type : {0x00u, 0x0Cu, 0x20u, 0x2Fu, 0xFFu})
    EXPECT_EQ(Parse(static_cast<uint8_t>(type), 0, 8, 1), FrameError::kUnknownType) << type;
}

TEST(FrameHeader, IsRefusedWithAFlagThatItsTypeDoesNotDefine) {
  EXPECT_EQ(Parse(FrameType::kData, 0x02, 8, 1), FrameError::kUnknownFlags);
  EXPECT_EQ(Parse(FrameType::kAccept, 0x01, 8, 1), FrameError::kUnknownFlags);
  EXPECT_EQ(Parse(FrameType::kControl, 0x80, 8, 0), FrameError::kUnknownFlags);
}

TEST(FrameHeader, IsRefusedBeyondOneRecord) {
  EXPECT_EQ(Parse(FrameType::kData, 0, kFramePayloadMax, 1), FrameError::kNone);
  EXPECT_EQ(Parse(FrameType::kData, 0, kFramePayloadMax + 1, 1), FrameError::kPayloadTooLarge);
  EXPECT_EQ(Parse(FrameType::kData, 0, 0xFFFF, 1), FrameError::kPayloadTooLarge);
}

TEST(FrameHeader, HoldsThePayloadSizeOfItsType) {
  struct Case {
    FrameType type;
    size_t min, max;
    uint32_t stream;
  };
  constexpr Case kCases[] = {
      {FrameType::kOpen, 9, 8 + kOpenRequestMax, 1},
      {FrameType::kAccept, 8, 8, 1},
      {FrameType::kReject, 2, 2 + kCloseTextMax, 1},
      {FrameType::kData, 1, kFramePayloadMax, 1},
      {FrameType::kFinish, 8, 8, 1},
      {FrameType::kReset, 2, 2 + kCloseTextMax, 1},
      {FrameType::kCredit, 16, 16, 1},
      {FrameType::kPing, 8, 8, 0},
      {FrameType::kGoaway, 2, 2 + kCloseTextMax, 0},
      {FrameType::kControl, 1, kControlSizeMax, 0},
      {FrameType::kAck, 8, 8, 0},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(static_cast<int>(c.type));
    EXPECT_EQ(Parse(c.type, 0, c.min, c.stream), FrameError::kNone);
    EXPECT_EQ(Parse(c.type, 0, c.max, c.stream), FrameError::kNone);
    EXPECT_EQ(Parse(c.type, 0, c.min - 1, c.stream), FrameError::kPayloadSizeWrong);
    if (c.max < kFramePayloadMax) {
      EXPECT_EQ(Parse(c.type, 0, c.max + 1, c.stream), FrameError::kPayloadSizeWrong);
    }
  }
}

TEST(FrameHeader, StaysOnTheStreamsOfItsType) {
  EXPECT_EQ(Parse(FrameType::kPing, 0, 8, 1), FrameError::kWrongStream);
  EXPECT_EQ(Parse(FrameType::kGoaway, 0, 8, 1), FrameError::kWrongStream);
  EXPECT_EQ(Parse(FrameType::kAck, 0, 8, 1), FrameError::kWrongStream);
  EXPECT_EQ(Parse(FrameType::kData, 0, 8, 0), FrameError::kWrongStream);
  EXPECT_EQ(Parse(FrameType::kOpen, 0, 20, 0), FrameError::kWrongStream);
  EXPECT_EQ(Parse(FrameType::kControl, 0, 8, 0), FrameError::kNone);
  EXPECT_EQ(Parse(FrameType::kControl, 0, 8, 9), FrameError::kNone);
}

TEST(FrameHeader, AcceptedOrNotIsTheSameAfterBuildingAgain) {
  Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    std::array<std::byte, kFrameHeaderSize> bytes;
    StoreBig(bytes.data(), random.Next());
    if (random.Chance(90)) bytes[0] = static_cast<std::byte>(random.Range(0, 11));
    if (random.Chance(90)) bytes[1] &= std::byte{1};
    FrameHeader header;
    if (ParseFrameHeader(bytes, header) != FrameError::kNone) continue;
    std::array<std::byte, kFrameHeaderSize> again;
    BuildFrameHeader(header, again.data());
    EXPECT_EQ(bytes, again);
  }
}

TEST(CloseCodes, HaveANameEachAndOneForTheFuture) {
  for (uint16_t code = 0; code <= 19; ++code)
    EXPECT_NE(CloseCodeName(static_cast<CloseCode>(code)), "unknown") << code;
  EXPECT_EQ(CloseCodeName(static_cast<CloseCode>(20)), "unknown");
  EXPECT_EQ(CloseCodeName(static_cast<CloseCode>(65'535)), "unknown");
}

}  // namespace
}  // namespace engine
