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
    return NodePlace{found->second};
  }
  void PrepareSession(const SessionGrant& grant) override { grants.push_back(grant); }
  void EndSession(std::string_view session_id, std::string_view reason) override {
    ended.emplace_back(session_id, reason);
  }

  std::map<std::string, uint32_t> nodes;  // Id to loop.
  std::vector<SessionGrant> grants;
  std::vector<std::pair<std::string, std::string>> ended;
};

}  // namespace relay
