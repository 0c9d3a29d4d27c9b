#include "relay/switchboard/gateway_host.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/buffer/dry_pool.h"
#include "engine/crypto/random_bytes.h"
#include "relay/switchboard/posted_connection.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

namespace {

// How often one run moves what moved something: enough for an answer to a question, and little
// enough for the others of the loop.
constexpr int kRoundsMax = 16;

}  // namespace

GatewayHost::GatewayHost(Switchboard& switchboard, const SessionGrant& grant,
                         std::string_view token, std::string source_address)
    : switchboard_(switchboard),
      loop_(switchboard.loop()),
      session_id_(grant.session_id),
      link_(loop_.buffers(), [this] { Wake(); }),
      role_(switchboard, link_.far_carrier(), std::move(source_address)),
      session_(grant, token, *this, loop_.buffers(), /*passage=*/nullptr, loop_.Now(),
               engine::crypto::RandomNumber()),
      timer_op_(engine::Handler<engine::Fired>::To<&GatewayHost::OnTimer>(this)) {
  link_.Join(session_.link(), role_.protocol());
  session_.link().Attach(link_.near_carrier());
}

GatewayHost::~GatewayHost() { CHECK(!timer_op_.in_flight()); }

std::string GatewayHost::Connect(ChannelId channel, std::string_view client_id) {
  std::string refusal = session_.Refusal(client_id);
  if (!refusal.empty()) return refusal;
  channel_ = channel;
  session_.Connect(std::make_unique<PostedConnection>(switchboard_, channel), client_id,
                   loop_.Now());
  return refusal;
}

void GatewayHost::Disconnect() {
  channel_ = {};
  session_.Disconnect(loop_.Now());
}

void GatewayHost::Cut() {
  is_over_ = true;
  end_reason_ = "The relay is stopping.";
  Wake();
}

void GatewayHost::Wake() {
  is_woken_ = true;
  if (!is_running_) Arm();
}

void GatewayHost::OnOver(std::string_view reason) {
  is_over_ = true;
  end_reason_ = reason;
}

void GatewayHost::OnTimer(engine::Fired) {
  armed_for_ = engine::Instant::max();
  Run();
}

void GatewayHost::Run() {
  is_running_ = true;
  for (int round = 0; round < kRoundsMax && !is_over_; ++round) {
    is_woken_ = false;
    const engine::Instant now = loop_.Now();
    is_dry_ = !link_.Run(now);
    if (link_.closed()) session_.LinkClosed();
    session_.Run(now);
    if (!is_woken_ || is_dry_) break;
  }
  if (is_over_) {
    // What its streams say on their way out wakes nobody any more: is_running_ stays.
    role_.Disconnected(end_reason_);
    return switchboard_.gateway().Left(*this);  // Last: it destroys this.
  }
  is_running_ = false;
  Arm();
}

// A timer that is armed for later than needed is cancelled and armed anew when it completes.
void GatewayHost::Arm() {
  const engine::Instant now = loop_.Now();
  engine::Instant next = std::min(link_.NextDeadline(), session_.NextDeadline());
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
