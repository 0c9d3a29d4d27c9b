#include "client/terminal/escape_watch.h"

#include <gtest/gtest.h>

#include <string_view>

#include "engine/base/bytes.h"

namespace client {
namespace {

bool IsBetweenAfter(std::string_view output) {
  EscapeWatch watch;
  watch.Follow(engine::AsBytes(output));
  return watch.is_between();
}

TEST(EscapeWatchTest, TextAndWholeSequencesLeaveNothingOpen) {
  for (const std::string_view output :
       {"", "text\r\n", "\x1b[1;2H", "\x1b[?25l", "\x1b(B", "\x1b=", "\x1b]2;title\x07",
        "\x1b]2;title\x1b\\", "\x1bP1$q\x1b\\", "\x1b[0 q", "gr\xc3\xbc\xc3\x9f", "\xe2\x94\x80",
        "\xf0\x9f\x98\x80"}) {
    EXPECT_TRUE(IsBetweenAfter(output)) << testing::PrintToString(output);
  }
}

TEST(EscapeWatchTest, EveryBeginningOfASequenceIsOpen) {
  for (const std::string_view output :
       {"\x1b[1;2H", "\x1b[?25l", "\x1b(B", "\x1b]2;title\x07", "\x1b]2;title\x1b\\", "\x1b[0 q",
        "\xc3\xbc", "\xe2\x94\x80", "\xf0\x9f\x98\x80"}) {
    for (size_t size = 1; size < output.size(); ++size) {
      EXPECT_FALSE(IsBetweenAfter(output.substr(0, size)))
          << testing::PrintToString(output.substr(0, size));
    }
  }
}

TEST(EscapeWatchTest, WhatBreaksASequenceOffEndsIt) {
  EXPECT_TRUE(IsBetweenAfter("\x1b[1\x18"));
  EXPECT_TRUE(IsBetweenAfter("\x1b]2;ti\x1a"));
  EXPECT_TRUE(IsBetweenAfter("\x1b]2;ti\x1b[1m"));
  EXPECT_TRUE(IsBetweenAfter("\xe2t"));  // No character, and one that is whole.
}

TEST(EscapeWatchTest, PiecesCountAsOne) {
  EscapeWatch watch;
  watch.Follow(engine::AsBytes("\x1b["));
  EXPECT_FALSE(watch.is_between());
  watch.Follow(engine::AsBytes("2J"));
  EXPECT_TRUE(watch.is_between());
}

}  // namespace
}  // namespace client
