#include "tests/sim/agent_process.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/identity_key.h"
#include "tests/sim/world_keys.h"

namespace sim {
namespace {

using engine::CloseCode;

constexpr std::string_view kStopped = "the agent on this node stopped";

agent::SessionTable::Options SessionOptions() {
  const WorldKeys& keys = WorldKeys::Shared();
  auto identity = engine::crypto::IdentityKey::FromSeed(
      engine::crypto::EncodeBase64(engine::AsBytes(std::string(32, 'n'))));
  CHECK(identity.ok());
  return {.software = "adit-agent/sim",
          .identity = *std::move(identity),
          .relay = {RelayAt(), keys.authority_pem, keys.node}};
}

}  // namespace

AgentProcess::AgentProcess(engine::sim::SimWorld& world, uint16_t block_count)
    : Process(world, kNodeHost, block_count),
      target_context_{.loop = driver().loop(), .resolver = driver().resolver(), .inherited = {}},
      targets_(target_context_),
      sessions_(driver(), targets_, SessionOptions()),
      redial_(world.random.Next()),
      retry_op_(engine::Handler<engine::Fired>::To<&AgentProcess::OnRetry>(this)) {
  driver().loop().StartTimer(retry_op_, loop().Now() + redial_.FirstDelay());
}

bool AgentProcess::over() const {
  return is_leaving() && link_ == nullptr && targets_.count() == 0 && sessions_.count() == 0 &&
         !retry_op_.in_flight();
}

void AgentProcess::AfterIteration() {
  targets_.Sweep();
  sessions_.Sweep();
  if (link_ != nullptr && link_->down()) link_.reset();
  if (link_ == nullptr) return;
  sessions_.outbox().Flush([this](std::string_view json) { return link_->Send(json); });
  const bool is_busy = targets_.count() > 0 || sessions_.count() > 0;
  if (!is_leaving() || is_busy || (link_->up() && sessions_.outbox().size() > 0)) return;
  link_->CloseAfterOutput();
}

void AgentProcess::OnRetry(engine::Fired) {
  if (is_leaving()) return;
  if (link_ != nullptr) {
    CHECK(link_->down());
    link_.reset();
  }
  engine::Hello hello;
  hello.software = "adit-agent/sim";
  hello.role = "agent";
  hello.features = {std::string(engine::kFeatureSealed), std::string(engine::kFeatureEncrypted),
                    std::string(engine::kFeatureInspectedLanes)};
  hello.node_name = "web-1";
  link_ = std::make_unique<agent::RelayLink>(
      driver(), *WorldKeys::Shared().agent_link, RelayAt(), std::move(hello), targets_,
      static_cast<agent::RelayLink::Events&>(*this), redial_.MannerOf(sessions_.count() > 0));
}

void AgentProcess::OnLinkUp(const engine::Hello&) {
  redial_.LinkUp(loop().Now());
  engine::log::Write(engine::log::Level::kInfo, "relay_connected");
}

void AgentProcess::OnRelayMessage(const engine::ControlMessage& message) {
  sessions_.Handle(message);
}

void AgentProcess::OnLinkDown(const agent::LinkEnd& end) {
  const engine::Instant now = loop().Now();
  sessions_.outbox().LinkLost();
  engine::log::Write(engine::log::Level::kInfo, "relay_lost", {{"why", end.text}});
  if (is_leaving()) return;
  const engine::Duration delay = redial_.DelayAfter(end, sessions_.count() > 0, now);
  driver().loop().StartTimer(retry_op_, now + delay);
}

void AgentProcess::EndAll() {
  driver().loop().Cancel(retry_op_);
  sessions_.EndAll(CloseCode::kShuttingDown, kStopped);
  targets_.EndAll(CloseCode::kShuttingDown, kStopped);
}

void AgentProcess::Stop() {
  if (link_ != nullptr) link_->Goaway(CloseCode::kShuttingDown, kStopped);
  EndAll();
}

void AgentProcess::LetGo() {
  EndAll();
  sessions_.Close();
  if (link_ != nullptr) link_->Close();
}

}  // namespace sim
