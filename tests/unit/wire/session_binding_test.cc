// Goal: two different bindings never have the same bytes, and the bytes are those of PROTOCOL.md.
// Method: texts that would run into one another if their sizes were not told.

#include "engine/wire/session_binding.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(SessionBinding, IsTheContextAndThenEachTextAfterItsSize) {
  EXPECT_EQ(SessionBinding("s", "kk", ""),
            std::string("adit session binding v1\0\0\1s\0\2kk\0\0", 24 + 3 + 4 + 2));
}

TEST(SessionBinding, TextsDoNotRunIntoOneAnother) {
  EXPECT_NE(SessionBinding("ab", "c", "d"), SessionBinding("a", "bc", "d"));
  EXPECT_NE(SessionBinding("a", "bc", "d"), SessionBinding("a", "b", "cd"));
}

}  // namespace
}  // namespace engine
