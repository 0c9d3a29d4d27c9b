// Goal: one link's circuits together never hold more than their budget, the first ones get enough
// for a fast way, and the last one still gets a frame. Method: random opens and ends.

#include "relay/switchboard/link_budget.h"

#include <gtest/gtest.h>

#include <vector>

#include "engine/base/random.h"

namespace relay {
namespace {

constexpr uint32_t kCircuits = 640;

TEST(LinkBudgetTest, TheFirstGetMuchTheLastEnoughAndTheSumIsBounded) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    engine::Random random(seed);
    LinkBudget budget(kCircuits);
    std::vector<uint64_t> held;
    uint64_t sum = 0;
    for (int step = 0; step < 5000; ++step) {
      const bool opens = held.size() < kCircuits && random.Chance(step < 2500 ? 80 : 40);
      if (opens) {
        const uint64_t size = budget.Reserve();
        ASSERT_GE(size, LinkBudget::kFlowHeldMin);
        ASSERT_LE(size, LinkBudget::kFlowHeldMax);
        if (held.empty()) {
          EXPECT_EQ(size, LinkBudget::kFlowHeldMax);
        }
        held.push_back(size);
        sum += 2 * size;
        ASSERT_LE(sum, LinkBudget::kHeldMax);
      } else if (!held.empty()) {
        const size_t which = random.Range(0, held.size() - 1);
        budget.Return(held[which]);
        sum -= 2 * held[which];
        held[which] = held.back();
        held.pop_back();
      }
    }
    for (const uint64_t size : held) budget.Return(size);
  }
}

TEST(LinkBudgetTest, SixteenStreamsAreNotSlowedByTheOnesThatMayCome) {
  LinkBudget budget(kCircuits);
  std::vector<uint64_t> held;
  for (int i = 0; i < 16; ++i) held.push_back(budget.Reserve());
  EXPECT_GE(held.back(), 512u * 1024u);
  for (const uint64_t size : held) budget.Return(size);
}

TEST(LinkBudgetTest, PiecesAreCountedUpAndDown) {
  LinkBudget budget(1);
  budget.CountPieces(0, LinkBudget::kPiecesMax);
  EXPECT_FALSE(budget.has_too_many_pieces());
  budget.CountPieces(10, 11);
  EXPECT_TRUE(budget.has_too_many_pieces());
  budget.CountPieces(11, 0);
  EXPECT_FALSE(budget.has_too_many_pieces());
}

}  // namespace
}  // namespace relay
