// SessionWorld's half that judges: what it holds of flows, sessions and the relay's disk.

#include <algorithm>
#include <string>

#include "engine/base/check.h"
#include "tests/sim/session_world.h"

namespace sim {

using engine::Instant;

bool SessionWorld::AreFlowsOver() const {
  const auto is_over = [](const auto& flow) { return flow->state() != ByteFlow::State::kRunning; };
  const auto is_served = [&](const auto& flow) { return is_over(flow) || MayWait(*flow); };
  const bool are_started = flows_started_ >= plan_.flow_count || witness_.is_withdrawn();
  return are_started && std::ranges::all_of(programs_->flows(), is_over) &&
         std::ranges::all_of(server_->flows(), is_served);
}

bool SessionWorld::StandsStill(const ByteFlow& flow) const {
  const Instant quiet_since = flow.knows_plan() ? QuietSince(SeatOf(flow)) : QuietSince();
  const Instant since = std::max(flow.progress_at(), quiet_since);
  return flow.state() == ByteFlow::State::kRunning && sim_.now - since > kStillMax;
}

// A node does not hear of a client that is gone, nor of an end that a relay forgot to say when it
// ended itself, until its session has been idle for long.
bool SessionWorld::MayWait(const ByteFlow& served) const {
  if (witness_.is_withdrawn() && ends_.has_happened(EndReasons::kRelayEnded)) return true;
  return served.knows_plan() ? SeatOf(served).IsForsaken(served.plan()) : AnyForsaken();
}

bool SessionWorld::AnyForsaken() const {
  return std::ranges::any_of(seats_, [](const auto& seat) { return seat.has_forsaken(); });
}

void SessionWorld::Check() {
  if (programs_ == nullptr) return;
  for (const auto& flow : programs_->flows()) {
    if (!flow->problem().empty()) witness_.Blame("at the program: " + flow->problem());
    if (StandsStill(*flow)) witness_.Blame("a connection stands still at the program");
    const bool may_end = is_ending_ || SeatOf(*flow).may_end();
    if (!may_end && flow->state() == ByteFlow::State::kBroken) {
      witness_.Blame("a connection was reset, and nothing had happened that ends sessions");
    }
  }
  for (const auto& flow : server_->flows()) {
    if (!flow->problem().empty()) witness_.Blame("at the server: " + flow->problem());
    if (flow->knows_plan() && !SeatOf(*flow).IsAt(flow->plan(), flow->place())) {
      witness_.Blame("a connection came out of another session, at " + flow->place());
    }
    if (StandsStill(*flow) && !MayWait(*flow)) {
      witness_.Blame("a connection stands still at the server");
    }
  }
  for (const auto& flow : server_->greedy_flows()) {
    if (!flow->problem().empty()) witness_.Blame("at the greedy one's door: " + flow->problem());
  }
  CheckWaits();
  CheckCalm();
  CheckWithdrawal();
}

void SessionWorld::CheckWaits() {
  for (const ClientSeat& seat : seats_) {
    if (seat.client() == nullptr) continue;
    const Instant since = std::max(seat.client()->waits_since(), QuietSince());
    if (sim_.now > since && sim_.now - since > kStillMax) {
      witness_.Blame("a client waits for room although others have ended");
    }
  }
}

// Coming again would hide a connection that stands still. Who was away before may come late: where
// connects are refused now and then, it takes several.
void SessionWorld::CheckCalm() {
  for (const auto& [session, lost_at] : witness_.lost_at()) {
    if (lost_at - quiet_since_ <= kLostMax) continue;
    const auto seat =
        std::ranges::find_if(seats_, [&](const auto& each) { return each.HasSession(session); });
    const Instant since = seat == seats_.end() ? QuietSince() : QuietSince(*seat);
    if (lost_at - since <= kLostMax) continue;
    witness_.Blame("a lane lost its connection, and nothing had happened");
  }
}

void SessionWorld::CheckWithdrawal() {
  const Instant due = witness_.withdrawal_due();
  if (sim_.now <= due) return;
  for (const auto& flow : server_->flows()) {
    if (flow->progress_at() > due) {
      witness_.Blame("a byte arrived although the permission was withdrawn");
    }
    witness_.Applied(Rule::kWithdrawn);
  }
  for (const ClientSeat& seat : seats_) {
    const bool has_session = seat.client() != nullptr && seat.client()->has_session();
    if (has_session && sim_.now - std::max(due, QuietSince(seat)) > kStillMax) {
      witness_.Blame("a session goes on although the permission was withdrawn");
    }
  }
}

uint64_t SessionWorld::ServedBytes() const {
  uint64_t bytes = 0;
  if (server_ == nullptr) return bytes;
  for (const auto& flow : server_->flows()) bytes += flow->received_bytes();
  return bytes;
}

// CheckDisk is for the end, when no relay runs.
void SessionWorld::CheckDisk() {
  const auto store = disk_.OpenStore();
  const std::string records = disk_.AuditText();
  witness_.CheckStore(*store, records);
  ends_.Check(*store, records);
  const auto newest = store->LastAudit();
  const auto mark = store->FindAuditMark();
  CHECK(newest.ok());
  CHECK(mark.ok());
  witness_.Applied(Rule::kFilesWhole);
  if (mark->sequence != *newest) witness_.Blame("records of the store are not in the audit files");
  if (const std::string wrong = disk_.WhatIsWrong(); !wrong.empty()) {
    witness_.Blame("the audit files: " + wrong);
  }
}

// WasElsewhere: its session outlived what may have ended those of another seat.
bool SessionWorld::WasElsewhere(const ByteFlow& flow) const {
  const ClientSeat& own = SeatOf(flow);
  return std::ranges::any_of(seats_, [&](const ClientSeat& seat) {
    return own.Outlived(flow.plan(), seat.may_end_since(), flow.progress_at());
  });
}

void SessionWorld::CheckFlows(SessionResult& result) {
  for (const auto& flow : server_->flows()) {
    if (!MayWait(*flow)) witness_.Applied(Rule::kServed);
  }
  for (const auto& flow : programs_->flows()) {
    const ByteFlow* other = server_->Find(flow->plan());
    const bool is_whole = flow->state() == ByteFlow::State::kWhole;
    is_whole ? ++result.whole : ++result.broken;
    const bool may_end = SeatOf(*flow).may_end();
    if (!may_end) witness_.Applied(Rule::kReset);
    if (!may_end && is_whole && WasElsewhere(*flow)) witness_.Applied(Rule::kApart);
    if (is_whole) witness_.Applied(Rule::kWhole);
    if (flow->progress_at() - QuietSince(SeatOf(*flow)) > kLostMax) witness_.Applied(Rule::kCalm);
    result.bytes += flow->received_bytes() + (other != nullptr ? other->received_bytes() : 0);
    // What a session was carrying when it was ended on purpose is lost, with both ends being told
    // at their sockets as far as they still listen.
    if (may_end) continue;
    if (is_whole && (other == nullptr || other->state() == ByteFlow::State::kBroken)) {
      witness_.Blame("a connection ended in order at the program, and not at the server");
    }
  }
}

}  // namespace sim
