// Goal: frames are those of smux 1, read however they are cut, and nothing else is taken for one.
// Method: vectors of the real library, whole and byte by byte; then each header that is refused.

#include "engine/datachannel/smux_frame.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine::datachannel {
namespace {

using Result = SmuxParser::Result;

std::string FromHexText(std::string_view hex) {
  std::string bytes(hex.size() / 2, '\0');
  EXPECT_TRUE(FromHex(hex, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

// Read returns one line for each frame; the data of consecutive pieces is put together.
std::string Read(std::string_view bytes, size_t piece_size) {
  SmuxParser parser;
  std::string heard;
  bool in_data = false;
  while (!bytes.empty()) {
    const std::string_view chunk = bytes.substr(0, piece_size);
    bytes.remove_prefix(chunk.size());
    parser.Feed(AsBytes(chunk));
    for (;;) {
      SmuxParser::Piece piece;
      const Result result = parser.Next(piece);
      if (result == Result::kHungry) break;
      if (result == Result::kBroken) return heard + "broken";
      const bool is_data = piece.command == SmuxCommand::kPsh;
      EXPECT_EQ(is_data, !piece.data.empty());
      if (!is_data || !in_data) {
        heard += std::to_string(static_cast<int>(piece.command)) + "/" +
                 std::to_string(piece.stream) + " ";
      }
      heard += AsText(piece.data);
      in_data = is_data;
    }
  }
  return heard;
}

std::string Both(std::string_view bytes) {
  const std::string whole = Read(bytes, bytes.size());
  EXPECT_EQ(Read(bytes, 1), whole);
  EXPECT_EQ(Read(bytes, 5), whole);
  return whole;
}

TEST(SmuxFrame, TheVectorsAreRead) {
  EXPECT_EQ(Both(FromHexText("0100000003000000")), "0/3 ");
  EXPECT_EQ(Both(FromHexText("010205000300000068656c6c6f")), "2/3 hello");
  EXPECT_EQ(Both(FromHexText("0101000003000000")), "1/3 ");
  EXPECT_EQ(Both(FromHexText("0103000000000000")), "3/0 ");
  EXPECT_EQ(Both(FromHexText("0100000003000000010205000300000068656c6c6f0101000003000000")),
            "0/3 2/3 hello1/3 ");
}

TEST(SmuxFrame, TheVectorsAreWritten) {
  std::array<std::byte, kSmuxHeaderSize> bytes;
  WriteSmuxHeader({.command = SmuxCommand::kPsh, .size = 5, .stream = 3}, bytes);
  EXPECT_EQ(ToHex(bytes), "0102050003000000");
  WriteSmuxHeader({.command = SmuxCommand::kFin, .size = 0x1234, .stream = 0x89ABCDEF}, bytes);
  EXPECT_EQ(ToHex(bytes), "01013412efcdab89");
}

TEST(SmuxFrame, TheLargestFrameIsRead) {
  const std::string payload(65'535, 'x');
  EXPECT_EQ(Both(FromHexText("0102ffff03000000") + payload), "2/3 " + payload);
}

TEST(SmuxFrame, APayloadWhereNoneBelongsIsSkippedAndEmptyDataIsNothing) {
  EXPECT_EQ(Both(FromHexText("0100030003000000") + "abc" + FromHexText("0101000003000000")),
            "0/3 1/3 ");
  EXPECT_EQ(Both(FromHexText("0102000003000000") + FromHexText("0101000003000000")), "1/3 ");
}

TEST(SmuxFrame, AnotherVersionOrCommandIsFatal) {
  for (const std::string_view hex :
       {"0200000003000000", "0000000003000000", "0104080003000000", "01ff000003000000"}) {
    EXPECT_EQ(
        Both(FromHexText("0103000000000000") + FromHexText(hex) + FromHexText("0101000003000000")),
        "3/0 broken")
        << hex;
  }
}

}  // namespace
}  // namespace engine::datachannel
