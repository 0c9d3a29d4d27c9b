#include "relay/broker/broker.h"

#include <utility>
#include <vector>

#include "engine/crypto/digest.h"
#include "relay/store/identifiers.h"

namespace relay {

using std::chrono::milliseconds;

Broker::Broker(Store& store, DataPlane& data_plane)
    : store_(store), data_plane_(data_plane), records_(store) {
  live_.reserve(kLiveSessionsMax);
}

Broker::Live* Broker::Find(std::string_view session_id) {
  const auto found = live_.find(std::string(session_id));
  return found == live_.end() ? nullptr : &found->second;
}

SessionSubject Broker::SubjectOf(std::string_view session_id) {
  const Live* live = Find(session_id);
  return live != nullptr ? live->subject : SessionSubject{std::string(session_id), {}, {}, {}};
}

// ------------------------------------------------------------------- start, end

absl::Status Broker::TakeOver(int64_t now_unix_ms, const GoesOn& goes_on, const ClockStep& step) {
  if (absl::Status recorded = RecordEnds(); !recorded.ok()) return recorded;
  return records_.Keep("start", [&]() -> absl::Status {
    if (absl::Status kept = store_.SetClockBegin(step.begin); !kept.ok()) return kept;
    SessionQuery query{.over = false, .count_max = 500};
    for (;;) {
      const absl::StatusOr<std::vector<Session>> left = store_.ListSessions(query);
      if (!left.ok()) return left.status();
      if (left->empty()) return absl::OkStatus();
      query.after = {left->back().started_unix_ms, left->back().id};
      for (const Session& session : *left) {
        if (Find(session.id) != nullptr) continue;  // Its start was moved behind the others.
        const absl::StatusOr<std::string> access = store_.FindSessionAccess(session.id);
        if (!access.ok()) return access.status();
        const absl::StatusOr<uint64_t> epoch = store_.FindSessionEpoch(session.id);
        if (!epoch.ok()) return epoch.status();
        if (!access->empty() && goes_on(session.id, *access)) {
          const absl::StatusOr<bool> has_gone_on = GoOn(session, *epoch, now_unix_ms, step.by_ms);
          if (!has_gone_on.ok()) return has_gone_on.status();
          if (*has_gone_on) continue;
        }
        constexpr std::string_view kReason = "The relay was restarted.";
        const absl::Status status =
            records_.EndedNow({session.id, session.node_id, session.principal, session.carriage},
                              {.reason = std::string(kReason)}, now_unix_ms);
        if (!status.ok()) return status;
        if (access->empty()) continue;  // It has ended with its lanes.
        unheard_stops_.Add(session.node_id, {session.id, std::string(kReason)});
      }
    }
  });
}

absl::Status Broker::RecordEnds() {
  constexpr size_t kTogether = 500;
  for (bool any_recorded = true; any_recorded;) {  // Else the same come again.
    const absl::StatusOr<std::vector<UnrecordedEnd>> ends = store_.ListUnrecordedEnds(kTogether);
    if (!ends.ok()) return ends.status();
    if (ends->empty()) return absl::OkStatus();
    any_recorded = false;
    for (const auto& [end, node_id, principal, carriage, outlives_lanes] : *ends) {
      const SessionSubject subject{end.id, node_id, principal, carriage};
      const SessionRecords::Ending ending{
          .status = end.status, .reason = end.details, .reported_by = end.reported_by};
      // One that cannot be written keeps its mark until the next start, and nobody waits for it.
      const absl::Status kept = records_.Keep("record_end", [&, when = end.ended_unix_ms] {
        return records_.EndedNow(subject, ending, when);
      });
      any_recorded |= kept.ok();
      const bool is_unheard = outlives_lanes && end.reported_by.empty();
      if (is_unheard) unheard_stops_.Add(node_id, {end.id, end.details});
    }
  }
  return absl::OkStatus();
}

std::optional<StartedSession> Broker::RenewToken(std::string_view session_id) {
  const Live* live = Find(session_id);
  if (live == nullptr || live->state == Live::State::kEnding || live->sealed != nullptr) {
    return std::nullopt;
  }
  StartedSession renewed{live->subject.id, NewToken(), 0};
  store_.AfterCommit([this, id = live->subject.id,
                      digest = engine::crypto::Sha256(engine::AsBytes(renewed.token))] {
    Live* found = Find(id);
    if (found != nullptr) found->unsealed.reset();  // What was started is taken up as it is.
    data_plane_.RenewToken(id, digest);
  });
  return renewed;
}

std::optional<std::string> Broker::KeyOf(std::string_view session_id, std::string_view node_id) {
  const Live* live = Find(session_id);
  const bool is_open = live != nullptr && (live->state == Live::State::kConnecting ||
                                           live->state == Live::State::kConnected);
  if (!is_open || live->subject.node_id != node_id || live->key_id.empty()) return std::nullopt;
  return live->key_id;
}

absl::Status Broker::TerminateSession(std::string_view session_id, std::string_view reason,
                                      int64_t now_unix_ms) {
  const Live* found = Find(session_id);
  if (found == nullptr || !HasStarted(*found) || found->state == Live::State::kEnding) {
    return absl::OkStatus();
  }
  if (absl::Status status = records_.End(session_id, {.reason = std::string(reason)}, now_unix_ms);
      !status.ok()) {
    return status;
  }
  store_.AfterCommit([this, id = std::string(session_id), why = std::string(reason), now_unix_ms] {
    Live* live = Find(id);
    if (live == nullptr) return;
    if (live->state != Live::State::kEnding) {
      return End(*live, SessionStatus::kTerminated, why, now_unix_ms);
    }
    // Another end came before this change was kept: the record says what the row does.
    const absl::StatusOr<Session> row = store_.FindSession(id);
    if (!row.ok()) return;
    live->end_reason = row->details;
    live->reported_by = {};
  });
  return absl::OkStatus();
}

absl::Status Broker::Supersede(std::string_view session_id, int64_t now_unix_ms) {
  const Live* live = Find(session_id);
  const bool is_waiting =
      live != nullptr && (live->state == Live::State::kConnecting ||
                          live->state == Live::State::kStarting || live->unsealed != nullptr);
  if (!is_waiting) return absl::OkStatus();
  return TerminateSession(session_id, "Its client asked again.", now_unix_ms);
}

bool Broker::IsLive(std::string_view session_id) {
  const Live* live = Find(session_id);
  return live != nullptr && live->state != Live::State::kEnding;
}

bool Broker::IsAway(std::string_view session_id) {
  const Live* live = Find(session_id);
  if (live == nullptr || live->state != Live::State::kConnected) return false;
  if (live->sealed == nullptr) return live->is_lost;
  return live->sealed->lanes_open == 0 && live->sealed->has_begun;
}

void Broker::Revoke(std::string_view session_id, std::string_view reason, int64_t now_unix_ms) {
  Live* live = Find(session_id);
  if (live == nullptr || !HasStarted(*live) || live->state == Live::State::kEnding) return;
  End(*live, SessionStatus::kTerminated, reason, now_unix_ms);
}

bool Broker::HasStarted(const Live& live) {
  return live.state != Live::State::kOffered || live.unsealed != nullptr;
}

void Broker::End(Live& live, SessionStatus status, std::string_view reason, int64_t now_unix_ms) {
  if (live.state == Live::State::kOffered) {  // Then it is inspected again, and stays.
    Settle(live, StartFailure{StartFailure::Kind::kNotConnected, std::string(reason)}, now_unix_ms);
  }
  const bool was_joined = live.state == Live::State::kConnected;
  live.state = Live::State::kEnding;
  live.end_reason = reason;
  live.report_by_unix_ms = now_unix_ms + milliseconds(kEndReportMax).count();
  if (live.sealed == nullptr) data_plane_.EndSession(live.subject.id, reason);
  if (live.sealed == nullptr && !was_joined) return Finish(live, {.status = status}, now_unix_ms);
  // The record follows when the data plane has reported the bytes.
  records_.KeepOrLater(
      "end_session", live.subject.id,
      [this, id = live.subject.id,
       ending = SessionRecords::Ending{.status = status,
                                       .reason = std::string(reason),
                                       .reported_by = std::string(live.reported_by)},
       now_unix_ms] { return records_.End(id, ending, now_unix_ms); });
  if (live.sealed != nullptr) CutSealed(live, now_unix_ms);
}

void Broker::Finish(const Live& live, const SessionRecords::Ending& ending, int64_t now_unix_ms) {
  // One that cannot come again ends at its node with its lanes.
  if (live.sealed != nullptr && live.sealed->may_rejoin && !live.sealed->node_is_done) {
    // Who ended it knows the reason better than who saw the link go.
    const std::string& reason = live.end_reason.empty() ? ending.reason : live.end_reason;
    const engine::SessionStop stop{live.subject.id, reason};
    unheard_stops_.Add(live.subject.node_id, stop);
    if (IsConnected(live.subject.node_id)) StopAgain(live.subject.node_id, stop);
  }
  RecordEnd(live, ending, now_unix_ms);
  live_.erase(std::string(live.subject.id));
}

void Broker::RecordEnd(const Live& live, SessionRecords::Ending ending, int64_t now_unix_ms) {
  if (!live.end_reason.empty()) ending.reason = live.end_reason;
  ending.reported_by = live.reported_by;
  records_.Ended(live.subject, ending, now_unix_ms);
}

void Broker::Flush(int64_t now_unix_ms) {
  SaveEpochs();
  const bool is_grouped =
      !store_.in_group() && store_.OpenGroup().ok();  // One wait for the disk, not one for each.
  std::erase_if(live_, [&](const auto& entry) {
    const Live& live = entry.second;
    if (live.state != Live::State::kEnding) return false;
    RecordEnd(live, EndingSoFar(live), now_unix_ms);
    return true;
  });
  if (is_grouped) store_.CloseGroup().IgnoreError();  // Else the next start finds the marks.
  records_.Flush();
}

// ---------------------------------------------------------------------- reports

void Broker::SessionJoined(std::string_view session_id, std::string_view source_ip,
                           int64_t now_unix_ms) {
  Live* live = Find(session_id);
  if (live == nullptr || live->state != Live::State::kConnecting) return;
  live->state = Live::State::kConnected;
  live->unsealed.reset();
  records_.Connected(live->subject, source_ip, now_unix_ms);
}

void Broker::SessionLost(std::string_view session_id, int64_t now_unix_ms) {
  Live* live = Find(session_id);
  if (live == nullptr || std::exchange(live->is_lost, true)) return;
  records_.AddOfStream(
      SessionRecords::NewRecord("SessionDisconnected", live->subject, now_unix_ms));
}

void Broker::SessionResumed(std::string_view session_id, std::string_view source_ip,
                            int64_t now_unix_ms) {
  Live* live = Find(session_id);
  if (live == nullptr) return;
  live->is_lost = false;
  AuditRecord record = SessionRecords::NewRecord("SessionResumed", live->subject, now_unix_ms);
  record.source_ip = source_ip;
  records_.AddOfStream(std::move(record));  // A client that comes back without end costs no more.
}

bool Broker::SessionEnded(std::string_view session_id, std::string_view reason, uint64_t bytes_in,
                          uint64_t bytes_out, int64_t now_unix_ms) {
  const Live* live = Find(session_id);
  // Who joined while a node was asked to seal it was in no session of ours: it goes on without.
  if (live == nullptr || live->sealed != nullptr) return false;
  if (live->state != Live::State::kConnected && live->state != Live::State::kEnding) return false;
  Finish(*live, {.reason = std::string(reason), .bytes_in = bytes_in, .bytes_out = bytes_out},
         now_unix_ms);
  return true;
}

void Broker::StreamOpened(std::string_view session_id, uint32_t stream_id, std::string_view what,
                          int64_t now_unix_ms) {
  records_.StreamOpened({SubjectOf(session_id), stream_id}, what, now_unix_ms);
}

void Broker::StreamClosed(std::string_view session_id, uint32_t stream_id, const StreamEnd& end,
                          int64_t now_unix_ms) {
  records_.StreamClosed({SubjectOf(session_id), stream_id}, end, now_unix_ms);
}

}  // namespace relay
