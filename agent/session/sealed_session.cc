#include "agent/session/sealed_session.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/net/loop_driver.h"

namespace agent {
namespace {

using engine::CloseCode;
using engine::log::Level;

constexpr std::string_view kClientLeft = "the client ended the session";
constexpr std::string_view kNoLane = "the connection to the client was lost, and no other one came";

std::string IdleText(uint32_t seconds_max) {
  return "nothing was sent or received for " + std::to_string(seconds_max) +
         " seconds, the longest that this session may be idle";
}

}  // namespace

SealedSession::SealedSession(const SessionContext& context, const engine::SessionOffer& offer,
                             std::shared_ptr<engine::TlsContext> inner)
    : context_(context),
      plan_(engine::PlanOf(offer)),
      names_{offer.session_id, offer.principal, offer.run_as},
      what_(engine::Describe(plan_)),
      idle_seconds_max_(offer.idle_seconds_max),
      inner_(std::move(inner)),
      idle_(offer.idle_seconds_max, loop().Now()),
      open_rate_(loop().Now()),
      laneless_deadline_(loop().Now() + kLanelessMax),
      timer_op_(engine::Handler<engine::Fired>::To<&SealedSession::OnTimer>(this)) {
  lanes_.reserve(engine::kLanesMax);
  ArmTimer();
}

SealedSession::~SealedSession() { CHECK(over()); }

engine::Loop& SealedSession::loop() const { return context_.driver.loop(); }

// ------------------------------------------------------------------------ lanes

absl::Status SealedSession::AddLane(const std::string& join_token, uint32_t loop_index) {
  CHECK(!ending_);
  if (lanes_.size() >= engine::kLanesMax) {
    return absl::ResourceExhaustedError("the session has as many lanes as it may");
  }
  if (!context_.windows.HasShare()) {
    return absl::ResourceExhaustedError("the node has as many lanes as it may");
  }
  const absl::StatusOr<const engine::TlsContext*> outer = context_.joins.ForLoop(loop_index);
  if (!outer.ok()) return outer.status();
  Lane::Options options;
  options.session_id = id();
  options.software = context_.software;
  options.join.relay = context_.joins.address();
  options.join.token = join_token;
  options.join.wrapped = RawIsBlocked();
  lanes_.push_back(std::make_unique<Lane>(context_.driver, **outer, inner_, std::move(options),
                                          context_.windows.Take(),
                                          static_cast<Lane::Owner&>(*this)));
  return absl::OkStatus();
}

void SealedSession::OnLaneSecured(Lane& lane) {
  raw_passed_ = raw_passed_ || !lane.wrapped();
  client_left_ = false;
}

void SealedSession::OnLaneOpen(Lane& lane, engine::StreamId stream, engine::ByteView request) {
  engine::Multiplexer& link = lane.multiplexer();
  if (!open_rate_.Take(loop().Now())) {
    return link.Reject(stream, CloseCode::kTooMany, "streams are opened too fast; try again soon");
  }
  if (!context_.outbox.HasRoomForStream()) {
    return link.Reject(stream, CloseCode::kTooMany,
                       "the node cannot report another stream to its relay yet; try again soon");
  }
  engine::CheckedOpen checked = engine::CheckOpen(plan_, names_, engine::AsText(request));
  if (checked.code != CloseCode::kNormal) {
    engine::log::Write(Level::kWarning, "open_refused",
                       {{"session", id()}, {"code", engine::CloseCodeName(checked.code)}});
    return link.Reject(stream, checked.code, checked.text);
  }
  if (stream_count_ >= engine::kSessionStreamsMax) {
    return link.Reject(stream, CloseCode::kTooMany,
                       "the session has as many streams as one may have; close some");
  }
  ++stream_count_;
  const uint32_t serial = next_serial_++;
  engine::StreamNews news;
  news.session_id = id();
  news.serial = serial;
  news.what = what_;
  context_.outbox.Push(news);
  context_.targets.Open(
      link, stream, std::move(checked.request),
      std::make_unique<StreamMeter>(static_cast<StreamMeter::Owner&>(*this), serial));
}

void SealedSession::OnLaneDown(Lane& lane, const LaneEnd& end) {
  if (lane.has_streams()) {
    context_.targets.EndLink(lane.multiplexer(), CloseCode::kSessionEnded,
                             "the client's connection ended");
  }
  if (ending_) return;
  if (end.was_unheard) raw_was_unheard_ = true;
  if (end.in_order) {
    client_left_ = true;
  } else {
    engine::log::Write(Level::kInfo, "lane_lost", {{"session", id()}, {"reason", end.text}});
  }
  if (HasLane()) return;
  if (client_left_) return End(CloseCode::kNormal, kClientLeft);
  laneless_deadline_ = loop().Now() + kLanelessMax;
  ArmTimer();
}

// RawIsBlocked guesses whether something between us and the relay ends TLS, so that raw bytes do
// not pass: then the next lane stays inside TLS. The client may find out before we do.
bool SealedSession::RawIsBlocked() const {
  if (raw_passed_) return false;
  const engine::Instant stuck = loop().Now() - kStuckAfter;
  return raw_was_unheard_ || std::any_of(lanes_.begin(), lanes_.end(), [&](const auto& lane) {
           return !lane->down() && !lane->has_streams() && lane->since() <= stuck;
         });
}

bool SealedSession::HasLane() const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [](const std::unique_ptr<Lane>& lane) { return !lane->down(); });
}

void SealedSession::Sweep() {
  std::erase_if(lanes_, [](const std::unique_ptr<Lane>& lane) { return lane->over(); });
}

// ---------------------------------------------------------------------- streams

void SealedSession::OnStreamBytes() { idle_.Heard(loop().Now()); }

void SealedSession::OnStreamOver(const StreamMeter& meter, CloseCode code) {
  --stream_count_;
  engine::StreamNews news;
  news.session_id = id();
  news.serial = meter.serial();
  news.is_closed = true;
  news.what = what_;
  news.outcome = engine::CloseCodeName(code);
  news.to_node_bytes = meter.to_node_bytes();
  news.from_node_bytes = meter.from_node_bytes();
  context_.outbox.Push(news);
}

// ---------------------------------------------------------------------- the end

engine::Instant SealedSession::Deadline() const {
  return HasLane() ? idle_.Deadline() : std::min(idle_.Deadline(), laneless_deadline_);
}

// ArmTimer needs not be called when a deadline moves away: a timer that fires too early is armed
// anew, so that bytes cost nothing but a look at the time.
void SealedSession::ArmTimer() {
  const engine::Instant deadline = Deadline();
  if (timer_op_.in_flight()) {
    if (deadline < armed_deadline_) loop().Cancel(timer_op_);
    return;
  }
  if (deadline == engine::Instant::max()) return;
  armed_deadline_ = deadline;
  loop().StartTimer(timer_op_, deadline);
}

void SealedSession::OnTimer(engine::Fired) {
  if (ending_) return;
  const engine::Instant now = loop().Now();
  if (now >= idle_.Deadline()) return End(CloseCode::kSessionEnded, IdleText(idle_seconds_max_));
  if (now >= Deadline()) return End(CloseCode::kNodeGone, kNoLane);
  ArmTimer();
}

void SealedSession::End(CloseCode code, std::string_view reason) {
  if (std::exchange(ending_, true)) return;
  engine::log::Write(Level::kInfo, "session_ended", {{"session", id()}, {"reason", reason}});
  loop().Cancel(timer_op_);
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    if (lane->down()) continue;
    lane->End(code, reason);
    if (lane->has_streams()) context_.targets.EndLink(lane->multiplexer(), code, reason);
  }
  context_.outbox.Push(engine::SessionOver{id(), std::string(reason)});
}

void SealedSession::Close() {
  CHECK(ending_);
  for (const std::unique_ptr<Lane>& lane : lanes_) lane->Close();
}

}  // namespace agent
