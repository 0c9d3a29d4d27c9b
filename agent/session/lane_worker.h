#pragma once

#include <atomic>
#include <memory>

#include "absl/status/statusor.h"
#include "agent/session/lane_host.h"
#include "agent/target/target_table.h"
#include "engine/net/worker_loop.h"

namespace agent {

// LaneWorker is a thread with a LaneHost and the targets of its lanes: TCP connections, and no
// programs, whose ends one thread alone can hear of.
class LaneWorker {
 public:
  // `home` is the loop of the thread that owns the worker; it is woken for who asked idle(), and
  // outlives the worker. `quota` is shared with the other threads' targets.
  static absl::StatusOr<std::unique_ptr<LaneWorker>> Start(const engine::LoopOptions& options,
                                                           engine::Loop& home,
                                                           std::shared_ptr<TargetQuota> quota);
  ~LaneWorker();  // Requires: idle(), and no lane is on its way.

  LaneHost& host() { return *host_; }

  // EndTargets ends what still writes although its lane is gone.
  void EndTargets(engine::CloseCode code, std::string_view text);

  // Idle is true when no target was left as of the last iteration. Lanes are told by their news.
  // After false, `home` is woken once when it is true; where nobody asks, nobody is woken.
  bool idle() const {
    if (idle_.load()) return true;
    is_awaited_.store(true);
    return idle_.load();  // Again: it may not have seen that.
  }

 private:
  class Tenant;
  explicit LaneWorker(engine::Loop& home) : home_(home) {}

  engine::Loop& home_;
  std::atomic<bool> idle_{true};
  mutable std::atomic<bool> is_awaited_{false};
  Tenant* tenant_ = nullptr;  // The thread's; here to post to it.
  LaneHost* host_ = nullptr;
  std::unique_ptr<engine::WorkerLoop> loop_;
};

}  // namespace agent
