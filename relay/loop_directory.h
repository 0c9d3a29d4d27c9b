#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "relay/broker/data_plane.h"
#include "relay/loop_port.h"

namespace relay {

// LoopDirectory knows on which loop each node and each session is, and passes the broker's wishes
// on to that loop. Used on the control thread; Locate alone is for all.
class LoopDirectory final : public DataPlane {
 public:
  // Messages for a node that is about to be admitted. What is beyond is dropped, as if the node had
  // come a moment later: who waits for it asks again.
  static constexpr size_t kWaitingMax = 1024;

  // SetLoops names the loops once they run. Requires: nothing was asked before.
  void SetLoops(std::vector<LoopPort*> loops) { loops_ = std::move(loops); }

  // NodeArrived puts a link into the directory. Another one of the same node is closed: newest
  // wins. Returns true when there was one.
  bool NodeArrived(const std::string& node_id, const NodePlace& place);

  // NodeAdmitted says that the link's hello was answered: what was to be told meanwhile follows it.
  void NodeAdmitted(const std::string& node_id, uint64_t link_serial);

  // NodeLeft removes a link. False when a newer one has taken its place already.
  bool NodeLeft(const std::string& node_id, uint64_t link_serial);

  // Forget drops a session that is over.
  void Forget(const std::string& session_id);

  std::optional<uint32_t> Locate(const std::string& session_id) const;

  std::optional<NodePlace> FindNode(std::string_view node_id) override;
  void CutNode(std::string_view node_id, std::string_view reason) override;
  void PrepareSession(const SessionGrant& grant) override;
  void RenewToken(std::string_view session_id,
                  const engine::crypto::Sha256Digest& token_sha256) override;
  void EndSession(std::string_view session_id, std::string_view reason) override;
  void TellNode(std::string_view node_id, const engine::ControlMessage& message) override;
  uint32_t loop_count() const override { return static_cast<uint32_t>(loops_.size()); }
  bool AddLane(uint32_t loop, const LaneGrant& grant) override;
  void EndLanes(std::string_view session_id, std::string_view reason) override;
  void RefuseReturns(uint64_t link_serial) override;
  void CutLanes(const engine::LanesLost& lost, std::string_view reason) override;

 private:
  struct Link {
    NodePlace place;
    bool is_admitted = false;
    std::vector<engine::ControlMessage> waiting{};
  };

  std::vector<LoopPort*> loops_;
  absl::flat_hash_map<std::string, Link> nodes_;
  mutable std::mutex mutex_;  // Guards sessions_.
  absl::flat_hash_map<std::string, uint32_t> sessions_;
};

}  // namespace relay
