#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "relay/api/api.h"
#include "relay/audit/audit_outbox.h"
#include "relay/broker/broker.h"
#include "relay/clock_watch.h"
#include "relay/first_start.h"
#include "relay/loop_directory.h"
#include "relay/switchboard/control_port.h"
#include "relay/task_line.h"

namespace relay {

// ControlDesk is the control thread with all that lives on it: store, broker and API. Its public
// calls may come from any thread; each becomes a task of the control thread, and its answer a task
// of the loop that asked.
class ControlDesk final : public ControlPort {
 public:
  // MakeLine makes what tasks run on: it calls `tick` a few times a second, and `batch` around the
  // others.
  using MakeLine =
      std::function<std::unique_ptr<TaskLine>(std::function<void()> tick, TaskLine::Batch batch)>;

  // `tick` runs on the control thread a few times a second, beside the desk's own work.
  ControlDesk(std::unique_ptr<SqliteStore> store, std::unique_ptr<AuditOutbox> outbox,
              engine::crypto::Issuer authority, std::string advertise, std::function<void()> tick,
              const MakeLine& make_line);
  // Runs what was posted, then writes what waits. Requires: no loop runs any more.
  ~ControlDesk() override;

  // Open goes on with what an earlier process left open, or ends it. `boot_id` is engine::BootId's.
  // Call it once, before the first loop runs.
  absl::Status Open(std::vector<LoopPort*> loops, const std::string& boot_id);
  const LoopDirectory& directory() const { return directory_; }

  void HandleRequest(CallOrigin origin, engine::HttpRequest request,
                     std::function<void(engine::HttpResponse)> reply) override;
  void NodeConnected(NodeArrival arrival, std::function<void(absl::Status)> admitted) override;
  void NodeDisconnected(std::string node_id, uint64_t link_serial, std::string reason) override;
  void RenewCertificate(uint32_t loop_index, RenewalWish wish,
                        std::function<void(absl::StatusOr<std::string>)> reply) override;
  void NodeSaid(std::string node_id, engine::ControlMessage message) override;
  void NewsMissed(std::string node_id, uint64_t count) override;
  void LaneJoined(LaneId lane, std::string source_address) override;
  void LaneEnded(LaneId lane, LaneEnd end) override;
  void SessionJoined(std::string session_id, std::string source_address) override;
  void SessionLost(std::string session_id) override;
  void SessionResumed(std::string session_id, std::string source_address) override;
  void JoinRefused(RefusedJoin refused) override;
  void SessionEnded(std::string session_id, std::string reason, uint64_t to_node_bytes,
                    uint64_t to_client_bytes) override;
  bool IsBehind() const override { return line_->IsBehind() || outbox_->is_full(); }
  void StreamOpened(StreamReport report, std::string what) override;
  void StreamClosed(StreamReport report, StreamEnd end) override;

 private:
  void Tick();
  absl::Status TakeOver(const std::string& boot_id);
  void LookAtClock();
  void BeginBatch();
  void EndBatch();
  // NoteStore says once that the store does not work, and once that it does again.
  void NoteStore(const absl::Status& status);
  // Answer runs `answer` on a loop once what the task changed is on the disk, or else `lost`. For
  // tasks of the control thread.
  void Answer(uint32_t loop_index, std::function<void()> answer, std::function<void()> lost);

  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<AuditOutbox> outbox_;
  NodeCertificates certificates_;
  LoopDirectory directory_;
  Broker broker_;
  Api api_;
  std::optional<ClockWatch> clock_watch_;  // From TakeOver on.
  std::vector<LoopPort*> loops_;
  std::vector<std::vector<std::function<void()>>> answers_;  // Of this batch, by loop.
  bool was_down_ = false;
  std::unique_ptr<TaskLine> line_;  // Last: its tasks use the others.
};

}  // namespace relay
