// Goal: escapes are found exactly where ssh finds them, and no byte is ever lost or changed.
// Method: feed a script of keys, whole and cut at every place, and compare what would be sent and
// done; random bytes without '~' must pass unchanged.

#include "client/terminal/escape_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/random.h"

namespace client {
namespace {

struct Outcome {
  std::string sent;
  std::vector<Escape> escapes;
};

void Feed(EscapeParser& parser, std::string_view keys, Outcome& outcome) {
  engine::ByteView rest = engine::AsBytes(keys);
  while (!rest.empty()) {
    const EscapeParser::Step step = parser.Next(rest);
    ASSERT_GE(step.taken, 1u);
    ASSERT_LE(step.taken, rest.size());
    outcome.sent += step.held;
    outcome.sent += step.plain;
    if (step.escape != Escape::kNone) outcome.escapes.push_back(step.escape);
    rest = rest.subspan(step.taken);
  }
}

Outcome Type(std::string_view keys) {
  EscapeParser parser;
  Outcome outcome;
  Feed(parser, keys, outcome);
  return outcome;
}

TEST(EscapeParserTest, ATildeAtTheStartOfALineBeginsAnEscape) {
  EXPECT_EQ(Type("~.").escapes, std::vector{Escape::kDisconnect});
  EXPECT_EQ(Type("ls\r~.").escapes, std::vector{Escape::kDisconnect});
  EXPECT_EQ(Type("ls\n~?").escapes, std::vector{Escape::kHelp});
  EXPECT_EQ(Type("\r~\x1A").escapes, std::vector{Escape::kSuspend});
  EXPECT_EQ(Type("\r~#").escapes, std::vector{Escape::kStreams});
  EXPECT_EQ(Type("\r~R").escapes, std::vector{Escape::kRejoin});
}

TEST(EscapeParserTest, ATildeInsideALineIsJustATilde) {
  const Outcome outcome = Type("cd ~.\rls ~?");
  EXPECT_TRUE(outcome.escapes.empty());
  EXPECT_EQ(outcome.sent, "cd ~.\rls ~?");
}

TEST(EscapeParserTest, TwoTildesSendOne) {
  EXPECT_EQ(Type("~~/x").sent, "~/x");
  EXPECT_TRUE(Type("~~.").escapes.empty()) << "the line is no longer empty";
}

TEST(EscapeParserTest, AnUnknownLetterSendsBothBytes) {
  EXPECT_EQ(Type("~x").sent, "~x");
  EXPECT_EQ(Type("~\r~.").sent, "~\r");
  EXPECT_EQ(Type("~\r~.").escapes, std::vector{Escape::kDisconnect});
}

TEST(EscapeParserTest, EscapesMayFollowOneAnother) {
  const std::vector expected{Escape::kHelp, Escape::kHelp, Escape::kDisconnect};
  EXPECT_EQ(Type("~?~?~.").escapes, expected);
  EXPECT_EQ(Type("~?~?~.").sent, "");
}

TEST(EscapeParserTest, CutsAnywhereChangeNothing) {
  const std::string keys = "a~b\r~~c\n~?d~.\r~x\r~#\xC3\xA9~\r~.";
  const Outcome whole = Type(keys);
  for (size_t first = 0; first <= keys.size(); ++first) {
    for (size_t second = first; second <= keys.size(); ++second) {
      EscapeParser parser;
      Outcome outcome;
      Feed(parser, std::string_view(keys).substr(0, first), outcome);
      Feed(parser, std::string_view(keys).substr(first, second - first), outcome);
      Feed(parser, std::string_view(keys).substr(second), outcome);
      ASSERT_EQ(outcome.sent, whole.sent) << first << " " << second;
      ASSERT_EQ(outcome.escapes, whole.escapes) << first << " " << second;
    }
  }
}

TEST(EscapeParserTest, BytesWithoutATildePassUnchanged) {
  engine::Random random(7);
  std::string bytes(100'000, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random.Next());
    if (byte == '~') byte = '\xF0';
  }
  EscapeParser parser;
  Outcome outcome;
  for (size_t offset = 0; offset < bytes.size();) {
    const size_t size = random.Range(1, 9000);
    Feed(parser, std::string_view(bytes).substr(offset, size), outcome);
    offset += size;
  }
  EXPECT_EQ(outcome.sent, bytes);
  EXPECT_TRUE(outcome.escapes.empty());
}

}  // namespace
}  // namespace client
