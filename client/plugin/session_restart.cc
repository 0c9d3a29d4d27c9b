#include "client/plugin/session_restart.h"

#include <utility>

#include "client/say.h"
#include "engine/base/check.h"

namespace client {

SessionRestart::SessionRestart(engine::Loop& loop, SessionApi& api, std::string request,
                               uint64_t seed, Events& events)
    : loop_(loop),
      api_(api),
      request_(std::move(request)),
      events_(events),
      backoff_(seed),
      wait_op_(engine::Handler<engine::Fired>::To<&SessionRestart::OnWaited>(this)) {}

SessionRestart::~SessionRestart() { CHECK(joined()); }

void SessionRestart::Begin() {
  give_up_ = loop_.Now() + kMax;
  backoff_.Succeeded();
  Wait();
}

void SessionRestart::Stop() {
  is_stopped_ = true;
  loop_.Cancel(wait_op_);
  if (is_asking_) api_.Cancel();
}

void SessionRestart::Wait() { loop_.StartTimer(wait_op_, loop_.Now() + backoff_.NextDelay()); }

void SessionRestart::OnWaited(engine::Fired) {
  if (is_stopped_) return;
  is_asking_ = true;
  api_.Start(request_, [this](const absl::StatusOr<SessionTicket>& ticket) { OnStarted(ticket); });
}

void SessionRestart::OnStarted(const absl::StatusOr<SessionTicket>& ticket) {
  is_asking_ = false;
  if (is_stopped_) return;
  if (ticket.ok()) return events_.OnRestarted(*ticket);
  if (absl::IsUnavailable(ticket.status()) && loop_.Now() < give_up_) return Wait();
  events_.OnRestartFailed("the connection was lost, and StartSession failed: " +
                          TextOf(ticket.status()));
}

}  // namespace client
