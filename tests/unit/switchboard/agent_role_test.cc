// Goal: what a node says of sessions reaches the control thread no faster than that may be told,
// and beyond the rate each kind of message has the end that PROTOCOL.md says. Method: a node's link
// in memory, whose clock stands still until a test lets it go on.

#include "relay/switchboard/agent_role.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <variant>

#include "engine/mux/open_rate.h"
#include "engine/sim/sim_loop.h"
#include "relay/switchboard/switchboard.h"
#include "tests/support/tls_credentials.h"
#include "tests/unit/mux/mux_pair.h"
#include "tests/unit/switchboard/recording_control.h"

namespace relay {
namespace {

using engine::FrameType;
using engine::OpenRate;
using engine::test::Must;
using std::chrono::milliseconds;

constexpr auto kBurst = static_cast<size_t>(OpenRate::kBurst);

class AgentRoleTest : public testing::Test {
 protected:
  AgentRoleTest() {
    switchboard_ = std::make_unique<Switchboard>(Switchboard::Options{}, driver_, *tls_, control_);
    role_ = std::make_unique<AgentRole>(*switchboard_, carrier_, "10.0.0.2",
                                        AgentRole::Node{.id = "mi-00000000000000001"});
    engine::Hello hello;
    hello.role = "agent";
    Say(hello);
    control_.RunTasks();
  }
  ~AgentRoleTest() override {
    role_->Disconnected("the test is over");
    role_.reset();
    switchboard_->Stop({});
    while (!switchboard_->stopped()) driver_.RunOnce(milliseconds(10));
  }

  void Say(const engine::ControlMessage& message) {
    const std::string frame = engine::FrameText(FrameType::kControl, 0, 0, engine::Encode(message));
    const engine::BufferRef block = driver_.loop().buffers().Take();
    std::memcpy(block.bytes().data(), frame.data(), frame.size());
    role_->port().Receive(block.Share(0, frame.size()), driver_.loop().Now());
  }
  void Say(const engine::ControlMessage& message, size_t count) {
    for (size_t i = 0; i < count; ++i) Say(message);
  }

  // WaitFor lets the clock go on.
  void WaitFor(engine::Duration time) {
    const engine::Instant end = driver_.loop().Now() + time;
    while (driver_.loop().Now() < end) driver_.RunOnce(milliseconds(1));
  }

  // Sent is all that the relay has to say to the node.
  std::string Sent() {
    std::string bytes;
    while (true) {
      std::array<engine::ByteView, engine::kRecordSlicesMax> slices;
      const size_t count = role_->port().GatherRecord(slices, driver_.loop().Now());
      if (count == 0) return bytes;
      for (size_t i = 0; i < count; ++i) bytes += engine::AsText(slices[i]);
      role_->port().RecordTaken();
    }
  }

  engine::LoopDriver driver_{
      std::make_unique<engine::sim::SimLoop>(1, engine::sim::Faults{}, 64, 32 * 1024)};
  engine::test::TestAuthority authority_;
  std::unique_ptr<engine::TlsContext> tls_ =
      Must(engine::TlsContext::Server({.identity = authority_.ServerIdentity()}));
  RecordingControl control_;
  engine::FakeCarrier carrier_;
  std::unique_ptr<Switchboard> switchboard_;
  std::unique_ptr<AgentRole> role_;
};

TEST_F(AgentRoleTest, AnswersAndEndsOfSessionsBeyondTheRateEndTheLink) {
  Say(engine::SessionAnswer{.session_id = "a", .error = "no"}, kBurst / 2);
  Say(engine::SessionOver{.session_id = "a"}, kBurst / 2);
  EXPECT_EQ(control_.said.size(), kBurst);
  EXPECT_FALSE(carrier_.is_closing) << "a burst of both together is no mistake";
  WaitFor(milliseconds(1));
  Say(engine::SessionOver{.session_id = "a"});
  EXPECT_EQ(control_.said.size(), kBurst + 1) << "nor is more of them later";
  Say(engine::SessionAnswer{.session_id = "a", .error = "no"}, kBurst);
  EXPECT_LT(control_.said.size(), kBurst + 100);
  EXPECT_TRUE(carrier_.is_closing);
  EXPECT_NE(Sent().find(engine::Big16(uint16_t{11}) + "messages of sessions come too fast"),
            std::string::npos);
}

TEST_F(AgentRoleTest, NewsOfStreamsBeyondTheRateIsCountedAndEndsNothing) {
  const engine::StreamNews opened{.session_id = "a", .serial = 1, .what = "tcp db:5432"};
  engine::StreamNews closed = opened;
  closed.is_closed = true;
  Say(opened, kBurst + 7);
  EXPECT_EQ(control_.said.size(), kBurst);
  EXPECT_EQ(control_.news_missed, 0u) << "not yet: it is told with the next that passes";
  Say(closed, 3);
  EXPECT_EQ(control_.said.size(), kBurst + 3) << "opens keep no end out";
  EXPECT_EQ(control_.news_missed, 7u);
  Say(closed, kBurst);
  WaitFor(milliseconds(1));
  Say(opened);
  EXPECT_EQ(control_.news_missed, 7u + 3u) << "that is for either kind";
  Say(engine::SessionOver{.session_id = "a"});
  EXPECT_TRUE(std::holds_alternative<engine::SessionOver>(control_.said.back().second))
      << "news takes nothing from what else is said";
  EXPECT_FALSE(carrier_.is_closing);
}

TEST_F(AgentRoleTest, NewsThatWasMissedIsCountedWhenTheLinkEnds) {
  Say(engine::StreamNews{.session_id = "a", .serial = 1}, kBurst + 5);
  role_->Disconnected("gone");
  EXPECT_EQ(control_.news_missed, 5u);
}

}  // namespace
}  // namespace relay
