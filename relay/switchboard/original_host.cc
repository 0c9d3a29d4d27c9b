#include "relay/switchboard/original_host.h"

#include <algorithm>
#include <utility>

#include "engine/crypto/random_bytes.h"
#include "relay/switchboard/control_channel_role.h"
#include "relay/switchboard/original_desk.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

namespace {

// How often one run moves what moved something.
constexpr int kRoundsMax = 16;

}  // namespace

OriginalHost::OriginalHost(Switchboard& switchboard, ControlChannelRole& channel,
                           std::string node_id, std::string_view agent_version,
                           std::string source_address)
    : switchboard_(switchboard),
      loop_(switchboard.loop()),
      channel_(&channel),
      node_id_(std::move(node_id)),
      link_(loop_.buffers(), [this] { Wake(); }),
      role_(switchboard, link_.far_carrier(), std::move(source_address), node_id_),
      node_(node_id_, agent_version, *this, loop_.buffers(), loop_.Now(),
            engine::crypto::RandomNumber()),
      timer_op_(engine::Handler<engine::Fired>::To<&OriginalHost::OnTimer>(this)) {
  link_.Join(node_.link(), role_.protocol());
  node_.link().Attach(link_.near_carrier());
}

OriginalHost::~OriginalHost() { CHECK(!timer_op_.in_flight()); }

void OriginalHost::ReceiveControl(const MessageBatch& batch) {
  node_.ReceiveControl(batch, loop_.Now());
}

void OriginalHost::ControlLost(std::string_view why) {
  channel_ = nullptr;
  if (std::exchange(is_over_, true)) return;
  end_reason_ = why;
  Wake();
}

void OriginalHost::Wake() {
  is_woken_ = true;
  if (!is_running_) Arm();
}

void OriginalHost::SendControl(std::string message) {
  if (channel_ != nullptr) channel_->Send(message);
}

void OriginalHost::OnSessionBegan(const std::string& session_id) {
  switchboard_.originals().SessionBegan(session_id, *this);
}

void OriginalHost::OnSessionOver(const std::string& session_id) {
  switchboard_.originals().SessionOver(session_id);
}

void OriginalHost::OnTimer(engine::Fired) {
  armed_for_ = engine::Instant::max();
  Run();
}

void OriginalHost::Run() {
  is_running_ = true;
  for (int round = 0; round < kRoundsMax && !is_over_; ++round) {
    is_woken_ = false;
    const engine::Instant now = loop_.Now();
    is_dry_ = !link_.Run(now);
    node_.Run(now);
    if (link_.closed()) {
      is_over_ = true;
      end_reason_ = "the relay has closed its link";
    }
    if (!is_woken_ || is_dry_) break;
  }
  if (is_over_) {
    // What its streams say on their way out wakes nobody any more: is_running_ stays.
    role_.Disconnected(end_reason_);
    node_.LinkClosed();
    if (channel_ != nullptr) channel_->HostLeft();
    return switchboard_.originals().Left(*this);  // Last: it destroys this.
  }
  is_running_ = false;
  Arm();
}

// A timer that is armed for later than needed is cancelled and armed anew when it completes.
void OriginalHost::Arm() {
  const engine::Instant now = loop_.Now();
  engine::Instant next = std::min(link_.NextDeadline(), node_.NextDeadline());
  if (is_woken_ || is_over_) next = now;
  if (is_dry_ && !is_over_) next = now + kNoBuffersPause;
  if (timer_op_.in_flight()) {
    if (next < armed_for_) loop_.Cancel(timer_op_);
    return;
  }
  if (next == engine::Instant::max()) return;
  armed_for_ = next;
  loop_.StartTimer(timer_op_, next);
}

}  // namespace relay
