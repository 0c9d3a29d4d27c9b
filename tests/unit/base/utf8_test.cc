// Goal: exactly the well-formed UTF-8 of RFC 3629 passes, and a text that is cut stays so.
// Method: the ends of every range of the standard's table, and one step beyond each; then every
// character there is.

#include "engine/base/utf8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace engine {
namespace {

bool Is(std::string_view text) { return IsUtf8(AsBytes(text)); }

TEST(Utf8, TextOfEveryLengthOfCharacterPasses) {
  EXPECT_TRUE(Is(""));
  EXPECT_TRUE(Is(std::string_view("\0plain", 6)));
  EXPECT_TRUE(Is("\xC2\x80 \xDF\xBF"));
  EXPECT_TRUE(Is("\xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF"));
  EXPECT_TRUE(Is("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
}

TEST(Utf8, OverlongFormsSurrogatesAndWhatIsAboveTheLastCharacterDoNot) {
  for (const std::string_view text :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xFE"}) {
    EXPECT_FALSE(Is(text)) << ToHex(AsBytes(text));
  }
}

TEST(Utf8, ACharacterThatIsCutOrBrokenDoesNot) {
  for (const std::string_view whole : {"\xC2\x80", "\xE2\x82\xAC", "\xF0\x9F\x99\x82"}) {
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_FALSE(Is(whole.substr(0, size)));
      EXPECT_FALSE(Is(std::string(whole.substr(0, size)) + "x"));
    }
    EXPECT_FALSE(Is(whole.substr(1)));
  }
}

TEST(Utf8, EveryCharacterPassesInItsShortestForm) {
  for (uint32_t c = 0x80; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    const auto add = [&text](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
    if (c < 0x800) add(0xC0 | c >> 6);
    if (c >= 0x800 && c < 0x10000) add(0xE0 | c >> 12);
    if (c >= 0x10000) add(0xF0 | c >> 18);
    if (c >= 0x10000) add(0x80 | (c >> 12 & 0x3F));
    if (c >= 0x800) add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
    ASSERT_TRUE(Is(text)) << c;
  }
}

TEST(Utf8, ATextIsCutBetweenTwoCharacters) {
  const std::string_view text = "a\xC2\x80\xE2\x82\xAC\xF0\x9F\x99\x82";
  for (size_t size_max = 0; size_max <= text.size() + 1; ++size_max) {
    const std::string_view cut = CutUtf8(text, size_max);
    EXPECT_LE(cut.size(), size_max);
    EXPECT_TRUE(text.starts_with(cut));
    EXPECT_TRUE(Is(cut)) << size_max;
    EXPECT_GT(cut.size() + 4, std::min(size_max, text.size()))
        << "one character is missing at most";
  }
  EXPECT_EQ(CutUtf8(text, text.size()), text);
}

}  // namespace
}  // namespace engine
