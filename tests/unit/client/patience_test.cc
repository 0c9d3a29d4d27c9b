#include "client/patience.h"

#include <gtest/gtest.h>

namespace client {
namespace {

using std::chrono::seconds;

constexpr engine::Instant kStart{};
constexpr seconds kDay = std::chrono::hours(24);

TEST(Patience, IsTheUsers) {
  EXPECT_FALSE(Patience().any());
  EXPECT_FALSE(Patience(seconds(0)).any());
  const Patience patience(seconds(60));
  EXPECT_TRUE(patience.any());
  const engine::Instant lost = kStart + seconds(1000);
  EXPECT_EQ(patience.WhyOver(lost, lost + seconds(59)), "");
  EXPECT_NE(patience.WhyOver(lost, lost + seconds(60)).find("60 s (ADIT_PATIENCE)"),
            std::string::npos);
}

TEST(Patience, EndsWhenTheSessionsTimeIsOver) {
  const Patience patience(kDay, seconds(3600), kStart);
  const engine::Instant over = kStart + seconds(3600) + Patience::kSlack;
  EXPECT_EQ(patience.WhyOver(kStart + seconds(3599), over - engine::Duration(1)), "");
  EXPECT_NE(patience.WhyOver(kStart + seconds(3599), over).find("3600 s by its document"),
            std::string::npos);
}

}  // namespace
}  // namespace client
