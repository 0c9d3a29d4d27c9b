#include "tests/sim/client_process.h"

#include <utility>

#include "client/memory_plan.h"
#include "client/say.h"
#include "client/target_wish.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "tests/sim/world_keys.h"

namespace sim {
namespace {

client::ForwardSpec Spec(uint16_t seat) {
  return {.bind = "127.0.0.1",
          .local_port = static_cast<uint16_t>(ClientProcess::kLocalPort + seat),
          .socket_path = {},
          .host = kServerAddress,
          .port = static_cast<uint16_t>(kServerPort + seat)};
}

}  // namespace

ClientProcess::ClientProcess(engine::sim::SimWorld& world, uint16_t block_count,
                             const Options& options, Witness& witness)
    : SessionClient(world, block_count),
      options_(options),
      reserve_(client::kWindowsReserve, client::kWindowsReserveParts),
      loops_(driver()),
      asker_(driver(), options.is_sealed,
             client::TargetWish({kServerAddress, static_cast<uint16_t>(kServerPort + options.seat)},
                                "to see whether it lasts"),
             witness, [this](client::LinkTarget target) { OnStarted(std::move(target)); }),
      forward_(driver().loop(), Spec(options.seat), client::ConnectionsMax(1), client::Say) {
  CHECK(forward_.Listen().ok());
}

bool ClientProcess::over() const {
  return are_calls_closed_ && asker_.joined() && forward_.joined() &&
         (lanes_ == nullptr || lanes_->gone());
}

void ClientProcess::OnStarted(client::LinkTarget target) {
  target.options = client::ForwardLinkOptions(1, options_.lanes.max, &reserve_);
  if (options_.resume_bytes_max != 0) target.options.resume_bytes_max = options_.resume_bytes_max;
  lanes_ = std::make_unique<client::SessionLanes>(
      loops_, std::move(target), client::Forward::RequestFor(forward_.spec()), asker_.lanes(),
      options_.lanes, static_cast<client::SessionLanes::Events&>(*this));
  lanes_->Dial();
}

void ClientProcess::OnLanesReady() {
  is_ready_ = true;
  forward_.Start(lanes_->lanes(), lanes_->node_label());
}

void ClientProcess::OnLanesEnded(const client::LinkEnd& end) {
  is_session_over_ = true;
  end_text_ = end.text;
  engine::log::Write(engine::log::Level::kInfo, "client_over", {{"why", end.text}});
  forward_.Stop();
}

void ClientProcess::AfterIteration() {
  const bool is_idle =
      forward_.joined() && !asker_.is_asking() && (lanes_ == nullptr || lanes_->gone());
  const bool may_close = is_idle && (is_leaving() || is_session_over_);
  if (!may_close || std::exchange(are_calls_closed_, true)) return;
  asker_.Close();
}

void ClientProcess::Stop() {
  asker_.Stop();
  forward_.Stop();
  if (lanes_ != nullptr) lanes_->Close();
}

void ClientProcess::LetGo() {
  asker_.Stop();
  forward_.Stop();
  if (lanes_ != nullptr) lanes_->Abort();
}

}  // namespace sim
