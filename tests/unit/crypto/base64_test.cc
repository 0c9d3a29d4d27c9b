// Goal: one text for one value, both ways.
// Method: vectors of RFC 4648, round trips of all sizes, and near misses.

#include "engine/crypto/base64.h"

#include <string>
#include <utility>

#include "engine/base/random.h"
#include "gtest/gtest.h"

namespace engine::crypto {
namespace {

TEST(Base64Test, VectorsOfRfc4648) {
  for (const auto& [value, text] : {std::pair<std::string, std::string>{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(EncodeBase64(AsBytes(value)), text);
    EXPECT_EQ(DecodeBase64(text), value);
    const std::string bare = text.substr(0, text.find('='));
    EXPECT_EQ(EncodeBase64Url(AsBytes(value)), bare);
    EXPECT_EQ(DecodeBase64Url(bare), value);
  }
}

TEST(Base64Test, TheAlphabetsDifferInTwoDigits) {
  EXPECT_EQ(EncodeBase64(AsBytes("\xfb\xff\xfe")), "+//+");
  EXPECT_EQ(EncodeBase64Url(AsBytes("\xfb\xff\xfe")), "-__-");
  EXPECT_FALSE(DecodeBase64("-__-").has_value());
  EXPECT_FALSE(DecodeBase64Url("+//+").has_value());
}

TEST(Base64Test, EveryValueComesBack) {
  Random random(1);
  for (size_t size = 0; size < 200; ++size) {
    std::string value(size, '\0');
    for (char& letter : value) letter = static_cast<char>(random.Next());
    EXPECT_EQ(DecodeBase64(EncodeBase64(AsBytes(value))), value);
    EXPECT_EQ(DecodeBase64Url(EncodeBase64Url(AsBytes(value))), value);
  }
}

TEST(Base64Test, ATextThatNoEncoderWritesIsRefused) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zg==Zg==", "=",
                           "====", "Z===", "Zm9v\n", " Zm9v", "Zm 9", "Zm9v====", "Zm\x80v"}) {
    EXPECT_FALSE(DecodeBase64(text).has_value()) << text;
  }
  for (const char* text : {"Zg==", "Z", "Zh", "Zm9vY", "Zm9\n"}) {
    EXPECT_FALSE(DecodeBase64Url(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace engine::crypto
