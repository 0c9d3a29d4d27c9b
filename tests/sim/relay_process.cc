#include "tests/sim/relay_process.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "tests/sim/world_keys.h"

namespace sim {

RelayProcess::RelayProcess(engine::sim::SimWorld& world, uint16_t block_count,
                           const RelayDisk& disk, Witness& witness, EndReasons& ends)
    : Process(world, kRelayHost, block_count),
      witness_(witness),
      ends_(ends),
      random_(world.random.Next()),
      watched_(static_cast<WatchedDesk::Watcher&>(*this)),
      desk_(MakeDesk(disk)),
      switchboard_({.locate = [this](const std::string& id) -> std::optional<uint32_t> {
                     return desk_ == nullptr ? std::nullopt : desk_->directory().Locate(id);
                   }},
                   driver(), *WorldKeys::Shared().relay_server, watched_) {
  witness_.CheckStore(*store_, disk.AuditText());
  // Always the same boot: who lost its power has a clock that goes on.
  const absl::Status status = desk_->Open({static_cast<relay::LoopPort*>(&way_back_)}, "boot");
  CHECK(status.ok());
  watched_.SetDesk(desk_.get());
  line_->Start();
  engine::Address address;
  CHECK(engine::Address::Parse(kRelayAddress, kRelayPort, address));
  const engine::Opened listener = loop().Listen(address, 64);
  CHECK(listener.error == engine::IoError::kNone);
  switchboard_.Listen(listener.socket, [this](relay::Greeting greeting) {
    switchboard_.Adopt(greeting.socket, std::move(greeting.first_bytes));
  });
}

std::unique_ptr<relay::ControlDesk> RelayProcess::MakeDesk(const RelayDisk& disk) {
  std::unique_ptr<relay::SqliteStore> store = disk.OpenStore();
  store_ = store.get();
  std::unique_ptr<relay::AuditOutbox> outbox = disk.OpenOutbox(*store);
  return std::make_unique<relay::ControlDesk>(
      std::move(store), std::move(outbox), WorldKeys::Shared().authority,
      engine::FormatHostPort(RelayAt()), [] {},
      [this](std::function<void()> tick, relay::TaskLine::Batch batch) {
        auto line =
            std::make_unique<DeskLine>(world_now(), random_, std::move(tick), std::move(batch));
        line_ = line.get();
        return line;
      });
}

RelayProcess::~RelayProcess() { watched_.SetDesk(nullptr); }

bool RelayProcess::over() const {
  return switchboard_.stopped() &&
         (desk_ == nullptr || (line_->is_empty() && way_back_.is_empty()));
}

engine::Instant RelayProcess::NextAt() const {
  const engine::Instant next = Process::NextAt();
  if (is_dead() || is_paused()) return next;
  return std::min({next, late_at_, line_->NextAt(), way_back_.is_empty() ? next : loop().Now()});
}

void RelayProcess::AfterIteration() {
  if (is_dead()) return;
  if (busy_until_ != engine::Instant{} && loop().Now() >= busy_until_) {
    busy_until_ = {};
    line_->SetRoom(DeskLine::kAsksMax);
    way_back_.SetRoom(DeskLoop::kPostsMax);
  }
  if (loop().Now() >= late_at_) BreakLate();
  way_back_.Run(switchboard_);
  line_->Run();
}

void RelayProcess::BeBusy(engine::Duration time) {
  busy_until_ = loop().Now() + time;
  line_->SetRoom(random_.Range(0, 1));
  way_back_.SetRoom(random_.Range(0, 2));
}

void RelayProcess::MakeLate(engine::Duration within, engine::Duration late_max) {
  late_before_ = loop().Now() + within;
  late_max_ = late_max;
}

// BreakLate is for the lane that was joined last: the youngest connections are its.
void RelayProcess::BreakLate() {
  late_at_ = engine::Instant::max();
  engine::sim::SimNetwork& network = loop().network();
  const engine::Socket node = network.NewestConnection(kRelayHost, kNodeHost);
  const engine::Socket client = network.NewestConnection(kOperator, kRelayHost);
  const auto late_ms = std::chrono::duration_cast<std::chrono::milliseconds>(late_max_).count();
  if (node.valid()) {
    network.Stall(node, loop().Now() + std::chrono::milliseconds(
                                           random_.Range(500, static_cast<uint64_t>(late_ms))));
  }
  if (client.valid()) network.Break(client, loop().Now());
}

// A process that was killed writes nothing more.
void RelayProcess::LetGo() {
  watched_.SetDesk(nullptr);
  way_back_.Drop();
  if (desk_ != nullptr) {
    line_->Drop();
    const bool was_full = RelayDisk::is_full();
    RelayDisk::SetFull(true);
    desk_.reset();
    RelayDisk::SetFull(was_full);
  }
  switchboard_.Stop(engine::Duration::zero());
}

void RelayProcess::OnAnswered(const engine::HttpRequest& request,
                              const engine::HttpResponse& response) {
  witness_.Answered(request, response, loop().Now());
}

void RelayProcess::OnLaneJoined(const relay::LaneId& lane) {
  witness_.LaneJoined(lane.session_id, loop().Now());
  if (loop().Now() >= late_before_) return;
  late_before_ = {};
  // Until the client has spoken.
  late_at_ = loop().Now() + std::chrono::milliseconds(random_.Range(0, 600));
}

void RelayProcess::Ask(engine::HttpRequest request,
                       std::function<void(engine::HttpResponse)> reply) {
  desk_->HandleRequest({.source_address = "192.0.2.66"}, std::move(request), std::move(reply));
}

}  // namespace sim
