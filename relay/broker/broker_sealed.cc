// The part of Broker that hears what nodes say of sessions on lanes, and ends those.

#include <algorithm>
#include <utility>

#include "relay/broker/broker.h"

namespace relay {

using std::chrono::milliseconds;

namespace {

constexpr std::string_view kReportedByNode = "node";

}  // namespace

// --------------------------------------------------------------------- the node

Broker::Live* Broker::FindSealed(std::string_view session_id, std::string_view node_id) {
  Live* live = Find(session_id);
  const bool is_its_own =
      live != nullptr && live->sealed != nullptr && live->subject.node_id == node_id;
  return is_its_own ? live : nullptr;
}

void Broker::AskAbout(const Live& live) {
  data_plane_.TellNode(live.subject.node_id, engine::SessionCheck{live.subject.id});
}

void Broker::AskAbout(std::string_view node_id) {
  // Also those that have lanes: both ends of one may have died without a word.
  for (const auto& [id, live] : live_) {
    if (live.subject.node_id == node_id && MayComeAgain(live)) AskAbout(live);
  }
  for (const engine::SessionStop& stop : unheard_stops_.Of(node_id)) StopAgain(node_id, stop);
}

void Broker::StopAgain(std::string_view node_id, const engine::SessionStop& stop) {
  data_plane_.TellNode(node_id, stop);
  data_plane_.TellNode(node_id, engine::SessionCheck{stop.session_id});
}

void Broker::NodeLostLanes(std::string_view node_id, const engine::LanesLost& lost) {
  const Live* live = FindSealed(lost.session_id, node_id);
  if (live == nullptr || !live->sealed->may_rejoin) return;
  data_plane_.CutLanes(lost, "the node has lost its connection");
}

void Broker::NodeEndedSession(std::string_view node_id, const engine::SessionOver& over,
                              int64_t now_unix_ms) {
  unheard_stops_.Heard(node_id, over.session_id);
  Live* live = FindSealed(over.session_id, node_id);
  if (live == nullptr) return;
  live->sealed->node_is_done = true;
  // A node that is asked again, when it has forgotten the session, says 0.
  uint64_t& to_node = live->sealed->told_to_node_bytes;
  uint64_t& to_client = live->sealed->told_to_client_bytes;
  to_node = std::max(to_node, over.to_node_bytes);
  to_client = std::max(to_client, over.from_node_bytes);
  const std::string reason = over.reason.substr(0, SealedState::kNodeTextSizeMax);
  switch (live->state) {
    case Live::State::kOffered:
      return Settle(*live,
                    StartFailure{StartFailure::Kind::kNotConnected, "The node refused: " + reason},
                    now_unix_ms);
    case Live::State::kEnding:
      return FinishIfDone(*live, now_unix_ms);
    case Live::State::kStarting:
    case Live::State::kConnecting:
    case Live::State::kConnected:
      live->reported_by = kReportedByNode;
      return End(*live, SessionStatus::kTerminated, reason, now_unix_ms);
  }
}

void Broker::NodeToldOfStream(std::string_view node_id, const engine::StreamNews& news,
                              int64_t now_unix_ms) {
  const Live* live = FindSealed(news.session_id, node_id);
  if (live == nullptr) return;
  const SessionRecords::Stream stream = {live->subject, news.serial, kReportedByNode};
  const std::string what = news.what.substr(0, SealedState::kNodeTextSizeMax);
  if (!news.is_closed) return records_.StreamOpened(stream, what, now_unix_ms);
  records_.StreamClosed(stream,
                        {.what = what,
                         .outcome = news.outcome.substr(0, SealedState::kNodeTextSizeMax),
                         .to_node_bytes = news.to_node_bytes,
                         .from_node_bytes = news.from_node_bytes,
                         .duration_ms = news.duration_ms},
                        now_unix_ms);
}

void Broker::NodeNewsMissed(std::string_view node_id, uint64_t count, int64_t now_unix_ms) {
  AuditRecord record = NewServiceEvent("StreamNewsMissed", now_unix_ms);
  record.principal = node_id;
  record.additional.emplace_back("count", std::to_string(count));
  records_.AddOfStream(std::move(record));
}

// ---------------------------------------------------------------------- the end

void Broker::CutSealed(Live& live, int64_t now_unix_ms) {
  const std::string& id = live.subject.id;
  if (!live.sealed->node_is_done) {
    data_plane_.TellNode(live.subject.node_id, engine::SessionStop{id, live.end_reason});
  }
  data_plane_.EndLanes(id, live.end_reason);
  FinishIfDone(live, now_unix_ms);
}

void Broker::FinishIfDone(Live& live, int64_t now_unix_ms) {
  const SealedState& sealed = *live.sealed;
  if (sealed.lanes_open > 0) return;
  if (sealed.node_is_done || !IsConnected(live.subject.node_id)) {
    return Finish(live, EndingOf(sealed), now_unix_ms);
  }
  live.report_by_unix_ms =
      std::min(live.report_by_unix_ms, now_unix_ms + milliseconds(SealedState::kOverMax).count());
}

SessionRecords::Ending Broker::EndingOf(const SealedState& sealed) {
  SessionRecords::Ending ending{.bytes_in = sealed.to_node_bytes,
                                .bytes_out = sealed.to_client_bytes};
  if (!sealed.is_taken_over && !sealed.is_inspected) return ending;
  // What the process before this one has counted is lost; the node knows what users sent. Of an
  // inspected session those are the bytes that count.
  if (sealed.is_inspected) ending.bytes_in = ending.bytes_out = 0;
  ending.bytes_in = std::max(ending.bytes_in, sealed.told_to_node_bytes);
  ending.bytes_out = std::max(ending.bytes_out, sealed.told_to_client_bytes);
  return ending;
}

}  // namespace relay
