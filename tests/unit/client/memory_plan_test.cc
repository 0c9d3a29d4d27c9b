// Goal: what a process may keep of what it sent, so that its links can resume, has one maximum,
// however many links it has. Method: the plan for every number of forwards and lanes.

#include "client/memory_plan.h"

#include <gtest/gtest.h>

namespace client {
namespace {

TEST(MemoryPlanTest, AllLinksOfAProcessTogetherKeepNoMoreThanTheMaximum) {
  for (size_t forwards = 1; forwards <= kForwardsMax; ++forwards) {
    for (size_t lanes = 1; lanes <= 16; ++lanes) {
      const size_t kept = ForwardLinkOptions(forwards, lanes).resume_bytes_max;
      EXPECT_LE(kept * forwards * lanes, kKeptMax) << forwards << " forwards, " << lanes;
      EXPECT_TRUE(kept == 0 || kept >= engine::kResumeBytesMin) << "or the link cannot resume";
    }
  }
  EXPECT_GT(ForwardLinkOptions(1, 2).resume_bytes_max, 0u);
  EXPECT_LE(ProcessLinkOptions().resume_bytes_max, kKeptMax);
}

}  // namespace
}  // namespace client
