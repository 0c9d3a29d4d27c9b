#include "agent/session/sealed_session.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/net/backoff.h"
#include "engine/net/loop_driver.h"

namespace agent {
namespace {

using engine::CloseCode;
using engine::log::Level;

constexpr std::string_view kClientLeft = "the client ended the session";
constexpr std::string_view kNoLane = "the connection to the client was lost, and no other one came";

engine::ResumeSecret SecretOf(const engine::SessionOffer& offer) {
  engine::ResumeSecret secret{};
  if (offer.client_key.empty()) CHECK(engine::FromHex(offer.resume_secret, secret));
  return secret;
}

}  // namespace

SealedSession::SealedSession(const SessionContext& context, const engine::SessionOffer& offer,
                             std::shared_ptr<engine::TlsContext> inner, size_t ordinal)
    : context_(context),
      grant_(std::make_shared<SessionGrant>(offer, context.outbox, loop().Now())),
      inner_(std::move(inner)),
      secret_(SecretOf(offer)),
      ordinal_(ordinal),
      laneless_deadline_(loop().Now() + kLanelessMax),
      end_deadline_(offer.seconds_max == 0
                        ? engine::Instant::max()
                        : loop().Now() + std::chrono::seconds(offer.seconds_max)),
      timer_op_(engine::Handler<engine::Fired>::To<&SealedSession::OnTimer>(this)) {
  lanes_.reserve(engine::kLanesMax);
  ArmTimer();
}

SealedSession::~SealedSession() { CHECK(over()); }

engine::Loop& SealedSession::loop() const { return context_.driver.loop(); }

// ------------------------------------------------------------------------ lanes

absl::Status SealedSession::AddLane(const std::string& join_token, uint32_t loop_index) {
  CHECK(!ending_);
  // A program has one stream: one lane, and one that takes its place.
  constexpr size_t kProgramLanesMax = 2;
  const bool is_program = ShareKind() == WindowBudget::Kind::kProgram;
  if (lanes_.size() >= (is_program ? kProgramLanesMax : size_t{engine::kLanesMax})) {
    return absl::ResourceExhaustedError("the session has as many lanes as it may");
  }
  if (!context_.windows.HasShare()) {
    return absl::ResourceExhaustedError("the node has as many lanes as it may");
  }
  absl::StatusOr<std::shared_ptr<const engine::TlsContext>> outer = context_.joins.Get();
  if (!outer.ok()) return outer.status();
  LaneHost& host = NextHost();
  const auto wait = std::make_shared<LaneWait>();
  auto plan =
      std::make_unique<LanePlan>(LanePlan{.listener = static_cast<LaneListener*>(this),
                                          .home = &context_.driver.mailbox(),
                                          .number = lanes_dialled_++,
                                          .grant = grant_,
                                          .outer = *std::move(outer),
                                          .inner = inner_,
                                          .options = {.session_id = id(),
                                                      .software = context_.software,
                                                      .number = lanes_dialled_ - 1,
                                                      .secret = secret_,
                                                      .join = {.relay = context_.joins.address(),
                                                               .loop = loop_index,
                                                               .token = join_token,
                                                               .wrapped = RawIsBlocked()},
                                                      .wait = wait},
                                          .share = context_.windows.Take(ShareKind())});
  lanes_.push_back({.number = plan->number,
                    .host = &host,
                    .since = loop().Now(),
                    .wait = wait,
                    .wrapped = plan->options.join.wrapped,
                    .secured = false});
  host.Dial(std::move(plan));
  return absl::OkStatus();
}

absl::Status SealedSession::ReturnLane(uint32_t number, const std::string& join_token,
                                       uint32_t loop_index) {
  CHECK(!ending_);
  const auto lane = std::ranges::find(lanes_, number, &LaneState::number);
  if (lane == lanes_.end()) return absl::NotFoundError("the lane is over");
  absl::StatusOr<std::shared_ptr<const engine::TlsContext>> outer = context_.joins.Get();
  if (!outer.ok()) return outer.status();
  lane->host->Return(std::make_unique<LaneReturn>(
      LaneReturn{.listener = static_cast<LaneListener*>(this),
                 .number = number,
                 .outer = *std::move(outer),
                 .join = {.relay = context_.joins.address(),
                          .loop = loop_index,
                          .token = join_token,
                          .wrapped = lane->wrapped,
                          .connect_max = engine::Backoff::kEagerConnectMax}}));
  return absl::OkStatus();
}

WindowBudget::Kind SealedSession::ShareKind() const {
  return grant_->plan().kind == engine::SessionKind::kTcp ? WindowBudget::Kind::kForward
                                                          : WindowBudget::Kind::kProgram;
}

engine::Instant SealedSession::AwaySince() const {
  if (ending_ || lanes_.empty()) return engine::Instant::max();
  engine::Instant since{};
  for (const LaneState& lane : lanes_) since = std::max(since, lane.wait->since());
  return since;
}

// NextHost keeps the lanes of a forward apart: bulk on the first one should not delay what goes
// over the second. The first lane leaves this thread alone, which has the link to the relay.
// Programs are started and reaped here.
LaneHost& SealedSession::NextHost() const {
  const std::vector<LaneHost*>& hosts = context_.hosts;
  if (hosts.size() == 1 || grant_->plan().kind != engine::SessionKind::kTcp) {
    return *hosts.front();
  }
  const size_t first = 1 + ordinal_ % (hosts.size() - 1);
  return *hosts[(first + lanes_dialled_) % hosts.size()];
}

void SealedSession::OnLaneNews(std::unique_ptr<LaneNews> news) {
  const auto lane = std::ranges::find(lanes_, news->lane, &LaneState::number);
  CHECK(lane != lanes_.end());
  if (!news->is_over) return OnLaneSecured(*lane);
  lanes_.erase(lane);
  OnLaneOver(news->end);
}

void SealedSession::OnLaneSecured(LaneState& lane) {
  lane.secured = true;
  raw_passed_ = raw_passed_ || !lane.wrapped;
  client_left_ = false;
  goodbye_deadline_ = engine::Instant::max();
}

void SealedSession::OnLaneOver(const LaneEnd& end) {
  if (ending_) return;
  if (end.was_unheard) raw_was_unheard_ = true;
  if (end.in_order) {
    client_left_ = true;
  } else {
    engine::log::Write(Level::kInfo, "lane_lost", {{"session", id()}, {"reason", end.text}});
  }
  if (!lanes_.empty()) {
    if (!end.in_order) return;
    goodbye_deadline_ = loop().Now() + kGoodbyeMax;
    return ArmTimer();
  }
  if (client_left_) return End(CloseCode::kNormal, kClientLeft);
  laneless_deadline_ = loop().Now() + kLanelessMax;
  ArmTimer();
}

// RawIsBlocked guesses whether something between us and the relay ends TLS, so that raw bytes do
// not pass: then the next lane stays inside TLS. The client may find out before we do.
bool SealedSession::RawIsBlocked() const {
  if (raw_passed_) return false;
  const engine::Instant stuck = loop().Now() - kStuckAfter;
  return raw_was_unheard_ || std::ranges::any_of(lanes_, [&](const LaneState& lane) {
           return !lane.secured && lane.since <= stuck;
         });
}

// ---------------------------------------------------------------------- the end

engine::Instant SealedSession::Deadline() const {
  const engine::Instant limit =
      std::min({grant_->idle().Deadline(), end_deadline_, goodbye_deadline_});
  return lanes_.empty() ? std::min(limit, laneless_deadline_) : limit;
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
  if (now >= grant_->idle().Deadline()) {
    return End(CloseCode::kSessionEnded, engine::IdleText(grant_->idle_seconds_max()));
  }
  if (now >= end_deadline_) return End(CloseCode::kSessionEnded, engine::kDurationText);
  if (now >= goodbye_deadline_) {
    if (AwaySince() <= now - kGoodbyeMax) return End(CloseCode::kNormal, kClientLeft);
    goodbye_deadline_ = now + kGoodbyeMax;
  }
  if (now >= Deadline()) return End(CloseCode::kNodeGone, kNoLane);
  ArmTimer();
}

void SealedSession::End(CloseCode code, std::string_view reason) {
  if (std::exchange(ending_, true)) return;
  engine::log::Write(Level::kInfo, "session_ended", {{"session", id()}, {"reason", reason}});
  loop().Cancel(timer_op_);
  for (const LaneState& lane : lanes_) {
    lane.host->End(static_cast<LaneListener*>(this), lane.number, code, reason);
  }
  context_.outbox.Push(engine::SessionOver{id(), std::string(reason), grant_->to_node_bytes(),
                                           grant_->from_node_bytes()});
}

void SealedSession::Close() {
  CHECK(ending_);
  for (const LaneState& lane : lanes_)
    lane.host->Close(static_cast<LaneListener*>(this), lane.number);
}

}  // namespace agent
