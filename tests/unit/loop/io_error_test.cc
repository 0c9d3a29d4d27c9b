// Goal: errno values become the errors that callers act on, and every error has words.
// Method: a table.

#include "engine/loop/io_error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <utility>

namespace engine {
namespace {

TEST(IoErrorTest, TheErrorsThatCallersActOnAreTold) {
  const std::pair<int, IoError> table[] = {
      {0, IoError::kNone},
      {ECANCELED, IoError::kCanceled},
      {ECONNRESET, IoError::kReset},
      {EPIPE, IoError::kReset},
      {ECONNREFUSED, IoError::kRefused},
      {EHOSTUNREACH, IoError::kUnreachable},
      {ETIMEDOUT, IoError::kTimedOut},
      {EMFILE, IoError::kExhausted},
      {EACCES, IoError::kDenied},
      {EADDRINUSE, IoError::kInUse},
      {EXDEV, IoError::kUnexpected},
      {99999, IoError::kUnexpected},
      {-1, IoError::kUnexpected},
  };
  for (const auto& [number, error] : table) EXPECT_EQ(IoErrorOf(number), error) << number;
}

TEST(IoErrorTest, EveryErrorHasWordsOfItsOwn) {
  std::set<std::string_view> texts;
  for (int i = 0; i <= static_cast<int>(IoError::kUnexpected); ++i) {
    EXPECT_TRUE(texts.insert(IoErrorText(static_cast<IoError>(i))).second);
  }
  EXPECT_FALSE(texts.contains("unknown error"));
}

TEST(IoErrorTest, AnAcceptIsTriedAgainWhenOnlyTheConnectionWasBroken) {
  EXPECT_TRUE(WasGoneBeforeAccept(ECONNABORTED));
  EXPECT_FALSE(WasGoneBeforeAccept(EMFILE));
  EXPECT_FALSE(WasGoneBeforeAccept(EAGAIN));
}

}  // namespace
}  // namespace engine
