#include "client/lane_return.h"

#include <string>
#include <utility>

#include "client/say.h"
#include "client/terminal/link_notice.h"
#include "engine/base/check.h"
#include "engine/crypto/random_bytes.h"

namespace client {

using engine::CloseCode;

LaneReturn::LaneReturn(engine::LoopDriver& driver, const LinkTarget& target, LaneSource& lanes,
                       Events& events)
    : driver_(driver),
      target_(target),
      lanes_(lanes),
      events_(events),
      backoff_(engine::crypto::RandomNumber(), kAgainMax),
      again_op_(engine::Handler<engine::Fired>::To<&LaneReturn::OnAgain>(this)) {}

LaneReturn::~LaneReturn() { CHECK(!busy()); }

void LaneReturn::Lost(uint32_t lane) {
  lane_ = lane;
  lost_at_ = driver_.loop().Now();
}

void LaneReturn::AskSoon() {
  const engine::Instant now = driver_.loop().Now();
  if (const std::string why = target_.patience.WhyOver(lost_at_, now); !why.empty()) {
    return events_.OnReturnGivenUp(
        CloseCode::kConnectionReset,
        {.text = "no connection to " + Printable(target_.node_label) + " " + why,
         .unexplained = false});
  }
  if (!told_lost_ && now - lost_at_ >= kQuietMax && lane_ == 0) {
    told_lost_ = TellLost(Printable(target_.node_label));
  }
  driver_.loop().StartTimer(again_op_, now + backoff_.NextDelay());
}

void LaneReturn::OnAgain(engine::Fired) {
  if (is_stopping_) return events_.OnReturnStopped();
  is_asking_ = true;
  tried_at_ = driver_.loop().Now();
  lanes_.AskToRejoin(target_.session_id, lane_,
                     [this](absl::StatusOr<LaneTicket> ticket) { OnTicket(std::move(ticket)); });
}

void LaneReturn::OnTicket(absl::StatusOr<LaneTicket> ticket) {
  is_asking_ = false;
  if (is_stopping_) return events_.OnReturnStopped();
  if (ticket.ok()) return events_.OnReturnTicket(*std::move(ticket));
  if (CanRejoinLater(ticket.status())) return AskSoon();
  events_.OnReturnGivenUp(
      CloseCode::kSessionEnded,
      {.text = TextOf(ticket.status()), .unexplained = absl::IsNotFound(ticket.status())});
}

void LaneReturn::Resumed() {
  backoff_.Succeeded();
  const bool was_told_lost = std::exchange(told_lost_, false);
  const bool was_awaited = std::exchange(is_awaited_, false);
  if (was_awaited) {
    GiveTitleBack();
    Say("the connection to " + Printable(target_.node_label) + " is back");
  } else if (was_told_lost) {
    TellBack(Printable(target_.node_label));
  }
}

void LaneReturn::Hurry() {
  if (again_op_.in_flight()) driver_.loop().Cancel(again_op_);
}

bool LaneReturn::Gained() {
  const engine::Instant now = driver_.loop().Now();
  // One that has only begun goes by the way that there is now, or hears soon that it does not.
  if (!again_op_.in_flight() && now - tried_at_ < kTryMax) return false;
  if (!backoff_.Gained(now)) return false;
  Hurry();
  if (is_asking_) lanes_.HurryLanes(target_.session_id);
  return true;
}

void LaneReturn::Stop() {
  is_stopping_ = true;
  Hurry();
  if (is_asking_) lanes_.HurryLanes(target_.session_id);
}

engine::Duration LaneReturn::connect_max() const {
  return backoff_.is_eager() ? engine::Backoff::kEagerConnectMax
                             : engine::SecureConnection::kConnectMax;
}

}  // namespace client
