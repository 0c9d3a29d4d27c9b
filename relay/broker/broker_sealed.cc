// The part of Broker that offers, starts and ends sealed sessions.

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/digest.h"
#include "engine/crypto/identity_key.h"
#include "relay/broker/broker.h"
#include "relay/broker/join_token.h"
#include "relay/store/identifiers.h"

namespace relay {

using engine::crypto::Sha256;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kReportedByNode = "node";
// What a node says for people goes into records and answers only so far.
constexpr size_t kNodeTextSizeMax = 256;

std::string_view KindText(SessionKind kind) {
  switch (kind) {
    case SessionKind::kShell:
      return "shell";
    case SessionKind::kExec:
      return "exec";
    case SessionKind::kTcp:
      return "tcp";
  }
  CHECK(false);
}

bool IsBase64Of(const std::string& text, size_t size) {
  const std::optional<std::string> bytes = engine::crypto::DecodeBase64(text);
  return bytes.has_value() && bytes->size() == size;
}

// Whether the words are true is for the client to verify; that of SessionAnswer::session_key was
// looked at when it was read.
bool IsWellFormed(const engine::SessionAnswer& answer) {
  return IsBase64Of(answer.node_key, engine::crypto::kIdentityKeySize) &&
         IsBase64Of(answer.signature, engine::crypto::kIdentitySignatureSize);
}

}  // namespace

// ------------------------------------------------------------------------ offers

void Broker::OfferSession(const StartRequest& request, int64_t now_unix_ms, OfferDone done) {
  if (std::optional<StartFailure> failure = TryOffer(request, now_unix_ms, done)) {
    done(*std::move(failure), now_unix_ms);
  }
}

std::optional<StartFailure> Broker::TryOffer(const StartRequest& request, int64_t now_unix_ms,
                                             OfferDone& done) {
  using Kind = StartFailure::Kind;
  WishOutcome resolved = Resolve(request, Carriage::kSealed);
  if (auto* failure = std::get_if<StartFailure>(&resolved)) return std::move(*failure);
  const ResolvedSession& wanted = std::get<ResolvedSession>(resolved);
  const SessionPlan& plan = wanted.plan;
  const NodePlace place = *data_plane_.FindNode(request.node_id);
  if (!place.is_sealing) {
    return StartFailure{Kind::kCarriage, "The agent of " + request.node_id +
                                             " does not know sealed sessions; update it, or ask "
                                             "for an inspected one."};
  }
  const auto offers = offers_of_node_.find(request.node_id);
  const bool node_is_busy =
      offers != offers_of_node_.end() && offers->second >= SealedState::kOffersOfNodeMax;
  if (node_is_busy || offer_count_ >= SealedState::kOffersMax ||
      waiting_lane_count_ >= SealedState::kLanesWaitingMax) {
    return StartFailure{Kind::kTooMany, "Rate exceeded"};
  }

  Live live;
  live.state = Live::State::kOffered;
  live.subject = {NewSessionId(request.user_name), request.node_id, request.principal};
  live.sealed = std::make_unique<SealedState>();
  live.sealed->first_loop = next_first_loop_ % data_plane_.loop_count();
  const NewLane lane = MakeLane(live);
  const engine::SessionOffer message{
      .session_id = live.subject.id,
      .principal = request.principal,
      .run_as = wanted.run_as,
      .client_key = request.client_key,
      .join_token = lane.node_token,
      .loop = lane.loop,
      .kind = std::string(KindText(plan.kind)),
      .command = plan.command,
      .with_terminal = plan.with_terminal,
      .host = plan.host,
      .port = plan.port,
      .profile = plan.profile,
      .with_shell = plan.with_shell,
      .may_be_link_local = plan.may_be_link_local,
      .idle_seconds_max = wanted.idle_seconds_max,
      .seconds_max = static_cast<uint32_t>(DurationOf(wanted).count())};
  if (engine::Encode(message).size() > engine::kControlSizeMax) {
    return StartFailure{Kind::kInvalidParameters, "The command is too long for a sealed session."};
  }
  live.sealed->offer = std::make_unique<SealedState::Offer>(SealedState::Offer{
      .link_serial = place.link_serial,
      .answer_by_unix_ms = now_unix_ms + milliseconds(SealedState::kAnswerMax).count(),
      .outcome = {.session = ToSession(request, wanted, live.subject.id),
                  .duration_max = DurationOf(wanted),
                  .join_token = lane.client_token,
                  .loop = lane.loop,
                  .session_key = {},
                  .node_key = {},
                  .signature = {}},
      .done = std::move(done)});
  ++next_first_loop_;
  ++offer_count_;
  ++offers_of_node_[request.node_id];
  Live& added = live_.emplace(live.subject.id, std::move(live)).first->second;
  AddLane(added, lane);  // First: the node may come as soon as it has read its token.
  data_plane_.TellNode(request.node_id, message);
  return std::nullopt;
}

void Broker::NodeAnswered(std::string_view node_id, const engine::SessionAnswer& answer,
                          int64_t now_unix_ms) {
  Live* live = FindSealed(answer.session_id, node_id);
  // What comes too late was answered by withdrawing the offer.
  if (live == nullptr || live->sealed->offer == nullptr) return;
  const auto fail = [&](StartFailure::Kind kind, std::string text) {
    Settle(*live, StartFailure{kind, std::move(text)}, now_unix_ms);
  };
  using Kind = StartFailure::Kind;
  if (!answer.error.empty()) {
    return fail(Kind::kNotConnected,
                "The node refused: " + answer.error.substr(0, kNodeTextSizeMax));
  }
  if (!IsWellFormed(answer)) {
    return fail(Kind::kCarriage, "The node's answer cannot be used; is its agent up to date?");
  }
  if (live->sealed->lanes_open == 0) {
    return fail(Kind::kNotConnected,
                live->subject.node_id + " lost its connection for the session.");
  }
  SealedOffer outcome = std::move(live->sealed->offer->outcome);
  outcome.session_key = answer.session_key;
  outcome.node_key = answer.node_key;
  outcome.signature = answer.signature;
  Settle(*live, outcome, now_unix_ms);
}

void Broker::FailOffersOf(uint64_t link_serial, int64_t now_unix_ms) {
  std::vector<std::string> lost;
  for (const auto& [id, live] : live_) {
    const bool is_offer = live.sealed != nullptr && live.sealed->offer != nullptr;
    if (is_offer && live.sealed->offer->link_serial == link_serial) lost.push_back(id);
  }
  for (const std::string& id : lost) {
    Live* live = Find(id);
    if (live == nullptr) continue;
    Settle(*live,
           StartFailure{StartFailure::Kind::kNotConnected,
                        live->subject.node_id + " is not connected any more."},
           now_unix_ms);
  }
}

void Broker::Settle(Live& live, const std::variant<SealedOffer, StartFailure>& outcome,
                    int64_t now_unix_ms) {
  const std::string id = live.subject.id;
  const std::string& node_id = live.subject.node_id;
  const OfferDone done = std::move(live.sealed->offer->done);
  live.sealed->offer.reset();
  --offer_count_;
  if (--offers_of_node_[node_id] == 0) offers_of_node_.erase(node_id);
  done(outcome, now_unix_ms);
  const Live* left = Find(id);
  if (left == nullptr || left->state != Live::State::kOffered) return;
  const auto* failure = std::get_if<StartFailure>(&outcome);
  Withdraw(id, failure != nullptr ? failure->text : kNotStarted);
}

void Broker::Withdraw(std::string id, std::string_view reason) {
  const Live* live = Find(id);
  if (live == nullptr) return;
  data_plane_.TellNode(live->subject.node_id, engine::SessionStop{id, std::string(reason)});
  live_.erase(id);
  data_plane_.EndLanes(id, reason);
}

absl::Status Broker::StartSealed(const SealedOffer& offer, int64_t now_unix_ms) {
  Session session = offer.session;
  session.started_unix_ms = now_unix_ms;
  if (absl::Status status = store_.AddSession(session); !status.ok()) return status;
  Live* live = Find(session.id);
  CHECK(live != nullptr);
  CHECK(live->state == Live::State::kOffered);
  live->state = Live::State::kStarting;
  live->sealed->may_rejoin = !session.access.empty();
  live->join_by_unix_ms = now_unix_ms + milliseconds(kJoinMax).count();
  live->end_by_unix_ms = now_unix_ms + milliseconds(offer.duration_max).count();
  store_.AfterCommit(
      [this, id = session.id] {
        Live* kept = Find(id);
        if (kept == nullptr || kept->state != Live::State::kStarting) return;
        kept->state = Live::State::kConnecting;
      },
      [this, id = session.id] { Withdraw(id, kNotStarted); });
  return absl::OkStatus();
}

// ------------------------------------------------------------------------- lanes

Broker::NewLane Broker::MakeLane(const Live& live) const {
  NewLane lane;
  const uint32_t number = live.sealed->lanes_made;
  lane.loop = (live.sealed->first_loop + number) % data_plane_.loop_count();
  lane.grant.id = {live.subject.id, number};
  lane.grant.node_id = live.subject.node_id;
  lane.grant.name = NewLaneName();
  lane.client_token = NewJoinToken(lane.loop, lane.grant.name);
  lane.node_token = NewJoinToken(lane.loop, lane.grant.name);
  lane.grant.client_token_sha256 = Sha256(engine::AsBytes(lane.client_token));
  lane.grant.node_token_sha256 = Sha256(engine::AsBytes(lane.node_token));
  lane.grant.join_max = SealedState::kLaneJoinMax;
  return lane;
}

void Broker::AddLane(Live& live, const NewLane& lane) {
  ++live.sealed->lanes_made;
  ++live.sealed->lanes_open;
  ++waiting_lane_count_;
  if (data_plane_.AddLane(lane.loop, lane.grant)) return;
  --live.sealed->lanes_open;
  --waiting_lane_count_;
}

std::variant<LaneTicket, LaneFailure> Broker::OpenLane(std::string_view session_id,
                                                       std::string_view principal) {
  using Kind = LaneFailure::Kind;
  const Live* live = Find(session_id);
  const bool is_open =
      live != nullptr && live->sealed != nullptr &&
      (live->state == Live::State::kConnecting || live->state == Live::State::kConnected);
  if (!is_open || live->subject.principal != principal) {
    return LaneFailure{Kind::kNoSession, "You have no sealed session of that id that is open."};
  }
  if (live->sealed->lanes_open >= engine::kLanesMax) {
    return LaneFailure{Kind::kTooManyLanes, "The session has " + std::to_string(engine::kLanesMax) +
                                                " lanes, which is the maximum."};
  }
  return OfferLane(*live, std::nullopt);
}

std::variant<LaneTicket, LaneFailure> Broker::RejoinLane(std::string_view session_id,
                                                         uint32_t lane) {
  using Kind = LaneFailure::Kind;
  const Live* live = Find(session_id);
  if (live == nullptr || live->sealed == nullptr || live->state != Live::State::kConnected) {
    return LaneFailure{Kind::kNoSession, "The session is over."};
  }
  // Connections that are dead may not have been noticed yet.
  if (live->sealed->lanes_open >= 2 * engine::kLanesMax) {
    return LaneFailure{Kind::kTooManyLanes, "The session has too many lanes; try again soon."};
  }
  return OfferLane(*live, lane);
}

std::variant<LaneTicket, LaneFailure> Broker::OfferLane(const Live& live,
                                                        std::optional<uint32_t> number) {
  using Kind = LaneFailure::Kind;
  if (waiting_lane_count_ >= SealedState::kLanesWaitingMax) {
    return LaneFailure{Kind::kBusy, "Rate exceeded"};
  }
  if (!IsConnected(live.subject.node_id)) {
    return LaneFailure{Kind::kNotConnected, live.subject.node_id + " is not connected."};
  }
  const NewLane lane = MakeLane(live);
  store_.AfterCommit([this, lane, number] {
    Live* now_live = Find(lane.grant.id.session_id);
    if (now_live == nullptr) return;
    AddLane(*now_live, lane);
    data_plane_.TellNode(lane.grant.node_id, engine::LaneOffer{lane.grant.id.session_id,
                                                               lane.node_token, lane.loop, number});
  });
  return LaneTicket{lane.client_token, lane.loop};
}

bool Broker::GoOn(const Session& session, int64_t now_unix_ms) {
  const int64_t end_by = session.started_unix_ms +
                         milliseconds(std::chrono::seconds(session.duration_seconds_max)).count();
  if (session.status != SessionStatus::kConnected || now_unix_ms >= end_by) return false;
  Live& live = live_[session.id];
  live.subject = {session.id, session.node_id, session.principal};
  live.state = Live::State::kConnected;
  live.end_by_unix_ms = end_by;
  live.sealed = std::make_unique<SealedState>();
  live.sealed->may_rejoin = true;
  live.sealed->has_begun = true;
  live.sealed->first_loop = next_first_loop_++ % data_plane_.loop_count();
  return true;
}

void Broker::LaneJoined(const LaneId& lane, std::string_view source_ip, int64_t now_unix_ms) {
  CHECK(waiting_lane_count_ > 0);
  --waiting_lane_count_;
  SessionJoined(lane.session_id, source_ip, now_unix_ms);
}

void Broker::LaneEnded(const LaneId& lane, const LaneEnd& end, int64_t now_unix_ms) {
  if (!end.was_joined) {
    CHECK(waiting_lane_count_ > 0);
    --waiting_lane_count_;
  }
  Live* live = Find(lane.session_id);
  if (live == nullptr) return;  // The offer was withdrawn.
  SealedState& sealed = *live->sealed;
  --sealed.lanes_open;
  sealed.to_node_bytes += end.to_node_bytes;
  sealed.to_client_bytes += end.to_client_bytes;
  if (end.to_client_bytes >= SealedState::kBeginningBytes) sealed.has_begun = true;
  if (sealed.lanes_open > 0) return;
  if (live->state == Live::State::kEnding) return FinishIfDone(*live, now_unix_ms);
  // One whose lanes come again goes on until the node says that it is over.
  if (sealed.may_rejoin && sealed.has_begun) return;
  // A session that never got through may be tried again, with a new lane, until join_by.
  if (live->state == Live::State::kConnected && sealed.has_begun) {
    End(*live, SessionStatus::kTerminated, end.reason, now_unix_ms);
  }
}

// --------------------------------------------------------------------- the node

Broker::Live* Broker::FindSealed(std::string_view session_id, std::string_view node_id) {
  Live* live = Find(session_id);
  const bool is_its_own =
      live != nullptr && live->sealed != nullptr && live->subject.node_id == node_id;
  return is_its_own ? live : nullptr;
}

void Broker::NodeEndedSession(std::string_view node_id, const engine::SessionOver& over,
                              int64_t now_unix_ms) {
  Live* live = FindSealed(over.session_id, node_id);
  if (live == nullptr) return;
  live->sealed->node_is_done = true;
  const std::string reason = over.reason.substr(0, kNodeTextSizeMax);
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
  const std::string what = news.what.substr(0, kNodeTextSizeMax);
  if (!news.is_closed) return records_.StreamOpened(stream, what, now_unix_ms);
  records_.StreamClosed(stream,
                        {.what = what,
                         .outcome = news.outcome.substr(0, kNodeTextSizeMax),
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
  return {.bytes_in = sealed.to_node_bytes, .bytes_out = sealed.to_client_bytes};
}

}  // namespace relay
