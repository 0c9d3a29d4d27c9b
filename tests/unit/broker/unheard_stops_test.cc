// Goal: an end is kept until its node has heard of it, and no more than there is room for.

#include "relay/broker/unheard_stops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace relay {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TEST(UnheardStopsTest, AStopIsKeptUntilItsNodeWasHeard) {
  UnheardStops stops;
  stops.Add("mi-1", {"a", "why"});
  stops.Add("mi-1", {"b", "why"});
  stops.Add("mi-2", {"c", "why"});
  stops.Heard("mi-2", "a");
  stops.Heard("mi-3", "a");
  EXPECT_THAT(stops.Of("mi-1"), SizeIs(2));
  stops.Heard("mi-1", "a");
  ASSERT_THAT(stops.Of("mi-1"), SizeIs(1));
  EXPECT_EQ(stops.Of("mi-1")[0].session_id, "b");
  EXPECT_EQ(stops.size(), 2u);
  stops.Forget("mi-1");
  stops.Forget("mi-1");
  EXPECT_THAT(stops.Of("mi-1"), IsEmpty());
  EXPECT_EQ(stops.size(), 1u);
}

TEST(UnheardStopsTest, OfANodeTheNewestAreKept) {
  UnheardStops stops;
  constexpr size_t kCount = UnheardStops::kOfNodeMax + 10;
  for (size_t i = 0; i < kCount; ++i) stops.Add("mi-1", {std::to_string(i), ""});
  EXPECT_EQ(stops.size(), UnheardStops::kOfNodeMax);
  EXPECT_EQ(stops.Of("mi-1").front().session_id, "10");
  EXPECT_EQ(stops.Of("mi-1").back().session_id, std::to_string(kCount - 1));
}

TEST(UnheardStopsTest, OfAllNodesThereAreOnlySoMany) {
  UnheardStops stops;
  for (size_t i = 0; i < UnheardStops::kMax; ++i) stops.Add("mi-" + std::to_string(i), {"s", ""});
  stops.Add("mi-late", {"s", ""});
  EXPECT_EQ(stops.size(), UnheardStops::kMax);
  EXPECT_THAT(stops.Of("mi-late"), IsEmpty());
  stops.Heard("mi-0", "s");
  stops.Add("mi-late", {"s", ""});
  EXPECT_THAT(stops.Of("mi-late"), SizeIs(1));
}

}  // namespace
}  // namespace relay
