// A data plane that remembers what it was told. Nodes are connected when a test says so.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "relay/broker/data_plane.h"

namespace relay {

class FakeDataPlane final : public DataPlane {
 public:
  std::optional<NodePlace> FindNode(std::string_view node_id) override {
    const auto found = nodes.find(std::string(node_id));
    if (found == nodes.end()) return std::nullopt;
    return NodePlace{found->second, link_serial, is_sealing, is_encrypting, is_laning};
  }
  void CutNode(std::string_view node_id, std::string_view reason) override {
    nodes.erase(std::string(node_id));
    cut.emplace_back(node_id, reason);
  }
  void PrepareSession(const SessionGrant& grant) override { grants.push_back(grant); }
  void RenewToken(std::string_view session_id,
                  const engine::crypto::Sha256Digest& token_sha256) override {
    renewed.emplace_back(session_id, token_sha256);
  }
  void EndSession(std::string_view session_id, std::string_view reason) override {
    ended.emplace_back(session_id, reason);
  }

  void TellNode(std::string_view node_id, const engine::ControlMessage& message) override {
    if (nodes.contains(std::string(node_id))) told.push_back(message);
  }
  uint32_t loop_count() const override { return 4; }
  bool AddLane(uint32_t loop, const LaneGrant& grant) override {
    if (takes_no_lanes) return false;
    lanes.emplace_back(loop, grant);
    return true;
  }
  void EndLanes(std::string_view session_id, std::string_view reason) override {
    lanes_ended.emplace_back(session_id, reason);
  }
  void RefuseReturns(uint64_t link) override { links_gone.push_back(link); }
  void CutLanes(const engine::LanesLost& lost, std::string_view) override {
    lanes_cut.push_back(lost);
  }

  // Told returns the last message to a node, which must be a Message.
  template <class Message>
  const Message& Told() const {
    return std::get<Message>(told.back());
  }

  std::map<std::string, uint32_t> nodes;  // Id to loop.
  uint64_t link_serial = 1;               // Of all of them.
  bool is_sealing = true;
  bool is_encrypting = true;
  bool is_laning = true;
  bool takes_no_lanes = false;
  std::vector<engine::ControlMessage> told;
  std::vector<std::pair<uint32_t, LaneGrant>> lanes;
  std::vector<std::pair<std::string, std::string>> lanes_ended;
  std::vector<engine::LanesLost> lanes_cut;
  std::vector<uint64_t> links_gone;
  std::vector<std::pair<std::string, std::string>> cut;
  std::vector<SessionGrant> grants;
  std::vector<std::pair<std::string, std::string>> ended;
  std::vector<std::pair<std::string, engine::crypto::Sha256Digest>> renewed;
};

}  // namespace relay
