// Goal: a port whose session went with its link gets another one, as soon as the relay can give it,
// and the user is told when it cannot. Method: an API of the test's own, and virtual time.

#include "client/plugin/session_restart.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "engine/sim/sim_loop.h"

namespace client {
namespace {

class SessionRestartTest : public testing::Test,
                           private SessionApi,
                           private SessionRestart::Events {
 protected:
  ~SessionRestartTest() override {
    restart_.Stop();
    while (!restart_.joined()) loop_.RunOnce(std::chrono::seconds(1));
  }
  void RunFor(engine::Duration time) {
    const engine::Instant end = loop_.Now() + time;
    while (loop_.Now() < end) loop_.RunOnce(std::chrono::seconds(1));
  }

  void Resume(Resumed) override { ADD_FAILURE(); }
  void Terminate(Terminated) override { ADD_FAILURE(); }
  void Cancel() override { done_(absl::CancelledError("ended")); }
  void Start(const std::string& request, Started done) override {
    requests_.push_back(request);
    if (answers_.empty()) {
      done_ = std::move(done);  // Until it is cancelled.
      return;
    }
    absl::StatusOr<SessionTicket> answer = answers_.front();
    if (answers_.size() > 1) answers_.pop_front();
    done(std::move(answer));
  }
  void OnRestarted(const SessionTicket& ticket) override { sessions_.push_back(ticket.session_id); }
  void OnRestartFailed(const std::string& why) override { why_ = why; }

  engine::sim::SimLoop loop_{1, engine::sim::Faults(), 16, 1024};
  std::deque<absl::StatusOr<SessionTicket>> answers_;  // The last one again and again.
  std::vector<std::string> requests_;
  Started done_;
  std::vector<std::string> sessions_;
  std::string why_;
  SessionRestart restart_{loop_, static_cast<SessionApi&>(*this), "{}", 1,
                          static_cast<SessionRestart::Events&>(*this)};
};

TEST_F(SessionRestartTest, ItIsAskedForUntilTheRelayIsBack) {
  const absl::Status away = absl::UnavailableError("away");
  answers_ = {away, away, SessionTicket{.session_id = "next"}};
  restart_.Begin();
  RunFor(std::chrono::minutes(1));
  EXPECT_EQ(sessions_, std::vector<std::string>{"next"});
  EXPECT_EQ(requests_, (std::vector<std::string>{"{}", "{}", "{}"}));
  restart_.Begin();  // It may be cut again.
  RunFor(std::chrono::minutes(1));
  EXPECT_EQ(sessions_.size(), 2u);
}

TEST_F(SessionRestartTest, WhatIsDeniedOrNeverComesIsSaid) {
  answers_ = {absl::FailedPreconditionError("AccessDeniedException: no")};
  restart_.Begin();
  RunFor(std::chrono::seconds(1));
  EXPECT_EQ(why_, "the connection was lost, and StartSession failed: AccessDeniedException: no");
  EXPECT_EQ(requests_.size(), 1u);

  why_.clear();
  answers_ = {absl::UnavailableError("away")};
  restart_.Begin();
  RunFor(SessionRestart::kMax - std::chrono::minutes(1));
  EXPECT_EQ(why_, "");
  RunFor(std::chrono::minutes(2));
  EXPECT_EQ(why_, "the connection was lost, and StartSession failed: away");
}

TEST_F(SessionRestartTest, ItCanBeStoppedWhileItAsks) {
  restart_.Begin();
  RunFor(std::chrono::seconds(1));
  ASSERT_EQ(requests_.size(), 1u);
  restart_.Stop();
  RunFor(std::chrono::seconds(1));
  EXPECT_TRUE(restart_.joined());
  EXPECT_TRUE(sessions_.empty());
  EXPECT_EQ(why_, "");
}

}  // namespace
}  // namespace client
