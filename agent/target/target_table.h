#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/process/spawn.h"
#include "agent/target/session_limits.h"
#include "agent/target/stream_handle.h"
#include "agent/target/target.h"
#include "agent/target/target_quota.h"
#include "engine/base/bytes.h"
#include "engine/mux/multiplexer.h"
#include "engine/wire/control.h"

namespace agent {

// TargetTable owns every target of one thread, from the open of its stream until nothing of it is
// left, whatever became of the link.
class TargetTable final : private Target::Owner {
 public:
  // Opens beyond the quota are rejected with kTooMany; targets that still clean up count. `context`
  // outlives the table.
  explicit TargetTable(const TargetContext& context,
                       std::shared_ptr<TargetQuota> quota = std::make_shared<TargetQuota>());
  // Requires: count() == 0.
  ~TargetTable();

  // Open checks what this machine permits, and starts the target, which answers. The request is in
  // bytes, or decoded already; `meter`, if any, watches the stream until it is over, and so does
  // that of `limits`.
  void Open(engine::Multiplexer& multiplexer, engine::StreamId id, engine::ByteView request,
            SessionLimits& limits);
  void Open(engine::Multiplexer& multiplexer, engine::StreamId id, engine::OpenRequest request,
            std::unique_ptr<StreamMeter> meter);

  // EndLink ends every target whose stream is on that link. When the link is gone, call
  // Disconnected on it first. A target whose stream has ended in order still writes what it was
  // given.
  void EndLink(const engine::Multiplexer& link, engine::CloseCode code, std::string_view text);

  // EndAll ends every target of every link.
  void EndAll(engine::CloseCode code, std::string_view text);

  // Sweep destroys the targets that are over. Call it after every RunOnce, with no call of a
  // target, loop or multiplexer on the stack.
  void Sweep();

  size_t count() const { return targets_.size(); }
  const std::shared_ptr<TargetQuota>& quota() const { return quota_; }

 private:
  void OnTargetOver() override { ++over_count_; }
  void Start(StreamHandle stream, engine::OpenRequest request);
  std::unique_ptr<Target> Make(StreamHandle stream, engine::OpenRequest request);
  std::unique_ptr<Target> Encrypt(StreamHandle stream, engine::StreamKey key, SpawnRequest plan,
                                  const std::string& session);

  const TargetContext& context_;
  const std::shared_ptr<TargetQuota> quota_;
  std::vector<std::unique_ptr<Target>> targets_;
  size_t over_count_ = 0;
};

}  // namespace agent
