#pragma once

#include <functional>
#include <memory>

#include "relay/control_desk.h"
#include "relay/switchboard/switchboard.h"
#include "tests/sim/desk_line.h"
#include "tests/sim/end_reasons.h"
#include "tests/sim/process.h"
#include "tests/sim/relay_disk.h"
#include "tests/sim/watched_desk.h"
#include "tests/sim/witness.h"

namespace sim {

// RelayProcess is a relay: switchboard, desk, broker, API, store and audit files are the real ones.
// Its control thread is a DeskLine, and whoever writes the audit files does so at once.
class RelayProcess final : public Process, private WatchedDesk::Watcher {
 public:
  // Goes on with what the disk has. All of them outlive it.
  RelayProcess(engine::sim::SimWorld& world, uint16_t block_count, const RelayDisk& disk,
               Witness& witness, EndReasons& ends);
  ~RelayProcess() override;

  engine::Instant NextAt() const override;
  bool over() const override;

  void SlowDown(engine::Instant until) { line_->SlowDown(until); }
  // BeBusy makes the queues between loop and desk full with little in them.
  void BeBusy(engine::Duration time);
  // MakeLate stalls and breaks the next lane that is joined, if that is soon.
  void MakeLate(engine::Duration within, engine::Duration late_max);
  // Ask is a call of the API from somewhere else.
  void Ask(engine::HttpRequest request, std::function<void(engine::HttpResponse)> reply);
  // Requires: it is not dead.
  relay::SqliteStore& store() { return *store_; }

 private:
  void AfterIteration() override;
  void Stop() override { switchboard_.Stop(std::chrono::seconds(5)); }
  void LetGo() override;
  void OnAnswered(const engine::HttpRequest& request,
                  const engine::HttpResponse& response) override;
  void OnLaneJoined(const relay::LaneId& lane) override;
  void OnNodeSaid(const engine::ControlMessage& message) override { ends_.NodeSaid(message); }
  void BreakLate();
  std::unique_ptr<relay::ControlDesk> MakeDesk(const RelayDisk& disk);

  Witness& witness_;
  EndReasons& ends_;
  engine::Random random_;
  DeskLoop way_back_;
  engine::Instant busy_until_{};
  engine::Instant late_before_{};  // A lane that is joined before then is made late ...
  engine::Duration late_max_{};
  engine::Instant late_at_ = engine::Instant::max();  // ... at that time.
  relay::SqliteStore* store_ = nullptr;               // The desk's, as is ...
  DeskLine* line_ = nullptr;                          // ... this.
  WatchedDesk watched_;
  std::unique_ptr<relay::ControlDesk> desk_;  // Until the process dies.
  relay::Switchboard switchboard_;
};

}  // namespace sim
