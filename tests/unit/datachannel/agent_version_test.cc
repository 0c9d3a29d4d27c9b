// Goal: each gate opens exactly for the versions for which it opens in the real programs.
// Method: the version at the gate, the next one, and versions of other forms.

#include "engine/datachannel/agent_version.h"

#include <gtest/gtest.h>

namespace engine::datachannel {
namespace {

TEST(AgentVersion, ComparesNumbersAndNotTexts) {
  EXPECT_TRUE(IsVersionAfter("3.10.0.0", "3.9.0.0"));
  EXPECT_TRUE(IsVersionAfter("10.0.0.0", "9.999.999.999"));
  EXPECT_FALSE(IsVersionAfter("3.9.0.0", "3.9.0.0"));
  EXPECT_FALSE(IsVersionAfter("3.8.999.0", "3.9.0.0"));
}

// Trap P15: three numbers, or something that is no number, pass no gate.
TEST(AgentVersion, AVersionOfAnotherFormIsNeverAfter) {
  for (const std::string_view version :
       {"4.0.0", "4.0.0.0.0", "4.0.0.x", "v4.0.0.0", "4..0.0", "4.0.0.0.", "", "4.0.0.-1",
        "4.0.0.99999999999", "4.0.0.0 ", "1.1.1.1.1.1.1.1.1"}) {
    EXPECT_FALSE(IsVersionAfter(version, "3.0.0.0")) << version;
    EXPECT_FALSE(MultiplexesPorts(version)) << version;
    EXPECT_FALSE(ClientMultiplexesPorts(version)) << version;
  }
}

TEST(AgentVersion, GatesOpenBehindTheirVersion) {
  EXPECT_FALSE(TakesTerminateFlag("2.3.722.0"));
  EXPECT_TRUE(TakesTerminateFlag("2.3.722.1"));
  EXPECT_FALSE(MultiplexesPorts("3.0.196.0"));
  EXPECT_TRUE(MultiplexesPorts("3.0.197.0"));
  EXPECT_FALSE(NeedsNoKeepAlive("3.1.1511.0"));
  EXPECT_TRUE(NeedsNoKeepAlive("3.1.1512.0"));
  EXPECT_FALSE(ClientMultiplexesPorts("1.1.69.0"));
  EXPECT_TRUE(ClientMultiplexesPorts("1.1.70.0"));
  EXPECT_FALSE(KnowsSeparateOutput("1.2.295.0"));
  EXPECT_TRUE(KnowsSeparateOutput("1.2.312.0"));
}

TEST(AgentVersion, OursPassesEveryGate) {
  EXPECT_TRUE(TakesTerminateFlag(kOurAgentVersion));
  EXPECT_TRUE(MultiplexesPorts(kOurAgentVersion));
  EXPECT_TRUE(NeedsNoKeepAlive(kOurAgentVersion));
}

}  // namespace
}  // namespace engine::datachannel
