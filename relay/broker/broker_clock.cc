// The part of Broker that does what is due.

#include <string>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "relay/broker/broker.h"

namespace relay {

void Broker::Tick(int64_t now_unix_ms) {
  records_.FlushDue(now_unix_ms);
  SaveEpochs();
  nodes_with_sessions_.clear();
  // Collected first: what is done about them takes sessions out of live_.
  std::vector<std::string> due;
  for (const auto& [id, live] : live_) {
    if (now_unix_ms >= DueAt(live)) due.push_back(id);
  }
  for (const std::string& id : due) {
    Live* live = Find(id);
    if (live != nullptr) DoWhatIsDue(*live, now_unix_ms);
  }
}

void Broker::ClockWasSet(int64_t by_ms) {
  std::vector<std::string> stored;
  for (auto& [id, live] : live_) {
    if (HasStarted(live)) stored.push_back(id);
    live.join_by_unix_ms += by_ms;
    live.end_by_unix_ms += by_ms;
    live.report_by_unix_ms += by_ms;
    const bool is_offered = live.sealed != nullptr && live.sealed->offer != nullptr;
    if (is_offered) live.sealed->offer->answer_by_unix_ms += by_ms;
  }
  // From their start the next process finds out until when they may last, and from the clock's
  // begin whether it was set once more before that. It has room when nothing else has: the next
  // process would move those as well that began after it.
  constexpr size_t kRoom = 2 * SessionRecords::kLateMax;
  const auto keep = [this, stored, by_ms]() -> absl::Status {
    for (const std::string& id : stored) {
      if (absl::Status moved = store_.MoveSessionStart(id, by_ms); !moved.ok()) return moved;
    }
    absl::StatusOr<ClockBegin> begin = store_.FindClockBegin();
    if (!begin.ok()) return begin.status();
    begin->unix_ms +=
        by_ms;  // By as much: another step may be written before this one or after it.
    return store_.SetClockBegin(*begin);
  };
  records_.KeepOrLater("clock_was_set", std::to_string(stored.size()) + " sessions", keep, kRoom);
}

// DueAt is when a session needs attention if nothing else happens.
int64_t Broker::DueAt(const Live& live) {
  switch (live.state) {
    case Live::State::kOffered:
      return live.sealed->offer->answer_by_unix_ms;
    case Live::State::kStarting:
    case Live::State::kConnecting:
      return live.join_by_unix_ms;
    case Live::State::kConnected: {
      const bool is_alone = live.sealed != nullptr && live.sealed->lanes_open == 0 &&
                            !(live.sealed->may_rejoin && live.sealed->has_begun);
      return is_alone ? live.join_by_unix_ms : live.end_by_unix_ms;
    }
    case Live::State::kEnding:
      return live.report_by_unix_ms;
  }
  CHECK(false);
}

void Broker::DoWhatIsDue(Live& live, int64_t now_unix_ms) {
  switch (live.state) {
    case Live::State::kOffered:
      return Settle(
          live,
          StartFailure{StartFailure::Kind::kCarriage,
                       "The agent of " + live.subject.node_id + " did not answer in time."},
          now_unix_ms);
    case Live::State::kStarting:  // Its transaction was taken back.
      return Withdraw(live.subject.id, kNotStarted);
    case Live::State::kConnecting:
      // Whether somebody joined it, nobody here knows; what is over is its time.
      if (live.sealed != nullptr && live.sealed->is_taken_over) {
        return End(live, SessionStatus::kTerminated, engine::kDurationText, now_unix_ms);
      }
      return End(live, SessionStatus::kFailed, "The client did not connect in time.", now_unix_ms);
    case Live::State::kConnected:
      if (now_unix_ms >= live.end_by_unix_ms) {
        return End(live, SessionStatus::kTerminated, engine::kDurationText, now_unix_ms);
      }
      return End(live, SessionStatus::kFailed, "Client and node did not get through to each other.",
                 now_unix_ms);
    case Live::State::kEnding:
      return Finish(live, EndingSoFar(live), now_unix_ms);
  }
}

}  // namespace relay
