// Goal: a relay that forgets a session's limits does not keep it on the node for ever: all of its
// streams end, with the reason, and nobody else's. Method: real targets, and a clock that is told.

#include "agent/target/session_limits.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "engine/wire/session_plan.h"
#include "tests/unit/agent/target_fixture.h"

namespace agent {
namespace {

using std::chrono::seconds;

class SessionLimitsTest : public TargetFixture {
 protected:
  PeerStream& Cat(const std::string& session, engine::StreamLimits limits) {
    engine::ExecRequest request;
    request.session_id = session;
    request.limits = limits;
    request.arguments = {"cat"};
    PeerStream& stream = Open(request);
    RunUntil([&] { return stream.accepted; });
    return stream;
  }
};

TEST_P(SessionLimitsTest, AnIdleSessionEndsOnAllItsStreamsAndAnotherDoesNot) {
  PeerStream& first = Cat("idle", {.idle_seconds_max = 60});
  PeerStream& second = Cat("idle", {.idle_seconds_max = 60});
  PeerStream& other = Cat("other", {.seconds_max = 3600});
  PeerStream& unlimited = Cat("unlimited", {});
  EXPECT_EQ(limits_->session_count(), 2U);
  const engine::Instant end = loop().Now() + seconds(60) + SessionLimits::kGrace;
  limits_->EndDue(end - seconds(60));
  EXPECT_EQ(limits_->session_count(), 2U);
  limits_->EndDue(end);
  RunUntil([&] { return first.closed.has_value() && second.closed.has_value(); });
  for (const PeerStream* stream : {&first, &second}) {
    EXPECT_EQ(*stream->closed, engine::CloseCode::kSessionEnded);
    EXPECT_EQ(stream->reason, engine::IdleText(60));
  }
  RunUntil([&] { return targets_->count() == 2; });  // What ran in it is gone.
  EXPECT_FALSE(other.over());
  EXPECT_FALSE(unlimited.over());
  EXPECT_EQ(limits_->session_count(), 1U);
}

TEST_P(SessionLimitsTest, BytesOfAnyStreamKeepASessionAndItsDurationEndsIt) {
  const engine::StreamLimits limits{.idle_seconds_max = 60, .seconds_max = 600};
  PeerStream& busy = Cat("a", limits);
  PeerStream& quiet = Cat("a", limits);
  const engine::Instant opened = loop().Now();
  RunUntil([&] { return loop().Now() > opened; });
  busy.Send("x");
  RunUntil([&] { return busy.output == "x"; });
  limits_->EndDue(opened + seconds(60) + SessionLimits::kGrace);
  EXPECT_EQ(limits_->session_count(), 1U);
  EXPECT_FALSE(quiet.over());

  Cat("b", {.seconds_max = 600});
  limits_->EndDue(loop().Now() + seconds(600) + SessionLimits::kGrace);
  RunUntil([&] { return busy.over() && quiet.over(); });
  EXPECT_TRUE(limits_->empty());
  EXPECT_TRUE(streams_.back()->closed == engine::CloseCode::kSessionEnded);
  EXPECT_EQ(streams_.back()->reason, engine::kDurationText);
}

TEST_P(SessionLimitsTest, ASessionWithoutAStreamIsForgotten) {
  for (int i = 0; i < 3; ++i) {
    PeerStream& stream = Cat("s" + std::to_string(i), {.idle_seconds_max = 60});
    stream.Send("", /*finish=*/true);
    RunUntil([&] { return stream.over(); });
  }
  Cat("last", {.idle_seconds_max = 60});
  EXPECT_EQ(limits_->session_count(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Backends, SessionLimitsTest,
                         ::testing::Values(engine::LoopIo::kEpoll, engine::LoopIo::kUring));

}  // namespace
}  // namespace agent
