#include "relay/switchboard/local_run.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/buffer/dry_pool.h"

namespace relay {

namespace {

// How often one run moves what moved something: enough for an answer to a question, and little
// enough for the others of the loop.
constexpr int kRoundsMax = 16;

}  // namespace

LocalRun::LocalRun(engine::Loop& loop, LocalLink& link, Work& work)
    : loop_(loop),
      link_(link),
      work_(work),
      timer_op_(engine::Handler<engine::Fired>::To<&LocalRun::OnTimer>(this)) {}

LocalRun::~LocalRun() { CHECK(!timer_op_.in_flight()); }

void LocalRun::Wake() {
  is_woken_ = true;
  if (!is_running_) Arm();
}

void LocalRun::End(std::string reason) {
  is_over_ = true;
  end_reason_ = std::move(reason);
  Wake();
}

void LocalRun::OnTimer(engine::Fired) {
  armed_for_ = engine::Instant::max();
  Run();
}

void LocalRun::Run() {
  is_running_ = true;
  for (int round = 0; round < kRoundsMax && !is_over_; ++round) {
    is_woken_ = false;
    RunLink();
    work_.RunOnce(loop_.Now());
    if (!is_woken_ || is_dry_) break;
  }
  // What streams say on their way out wakes nobody any more: is_running_ stays.
  if (is_over_) return work_.OnRunOver(end_reason_);  // Last: it may destroy this.
  is_running_ = false;
  Arm();
}

// A timer that is armed for later than needed is cancelled and armed anew when it completes.
void LocalRun::Arm() {
  const engine::Instant now = loop_.Now();
  engine::Instant next = std::min(link_.NextDeadline(), work_.NextDeadline());
  if (is_woken_ || is_over_) next = now;
  if (is_dry_ && !is_over_) next = now + engine::kDryPoolPause;
  if (timer_op_.in_flight()) {
    if (next < armed_for_) loop_.Cancel(timer_op_);
    return;
  }
  if (next == engine::Instant::max()) return;
  armed_for_ = next;
  loop_.StartTimer(timer_op_, next);
}

}  // namespace relay
