// Which node the user means: by id, by name, or by the beginning of either.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace client {

// NodeInfo is one managed machine as DescribeInstanceInformation tells it. Times are unix seconds.
struct NodeInfo {
  std::string id;
  std::string name;
  bool online = false;
  int64_t last_seen = 0;  // 0: never.
  std::string platform;
  std::string agent_version;

  // Label is what people call it: the name, or the id of a node without one.
  const std::string& Label() const { return name.empty() ? id : name; }
};

// ChooseNode returns the node that `wanted` names. An exact id wins over an exact name, and that
// over a prefix. Two nodes of one name: the one that is online, if only one is. NotFound says which
// names come near; InvalidArgument lists the candidates of an ambiguous one.
absl::StatusOr<NodeInfo> ChooseNode(std::span<const NodeInfo> nodes, std::string_view wanted);

// EditDistance is the least count of single-byte changes that make `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b);

// OfflineText says that a node is not connected, since when, and what to look at.
std::string OfflineText(const NodeInfo& node, int64_t now);

// AgoText says how long ago a time was: "12 s", "5 min", "3 h", "8 d", or "never" for 0.
std::string AgoText(int64_t then, int64_t now);

}  // namespace client
