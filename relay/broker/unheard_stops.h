#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/wire/control.h"

namespace relay {

// UnheardStops are the ends of sessions of which their node has not said that it knows: it was
// away, or its link was dead and nobody had noticed. Without them a program would run on, without
// the permission that it was started with, until the node's idle time is over.
//
// They are kept in memory alone. Of one node no more are kept than it may have sessions, the newest
// ones, and of all nodes no more than kMax, the first ones: what is lost is the idle time's, and
// the log says so.
class UnheardStops {
 public:
  static constexpr size_t kOfNodeMax = 256;
  static constexpr size_t kMax = 64 * kOfNodeMax;

  // Add keeps a stop until its node has been heard.
  void Add(std::string_view node_id, engine::SessionStop stop);
  // Heard: the node says that the session is over, or that it has none of that name.
  void Heard(std::string_view node_id, std::string_view session_id);
  void Forget(std::string_view node_id);

  std::vector<engine::SessionStop> Of(std::string_view node_id) const;
  size_t size() const { return size_; }

 private:
  std::unordered_map<std::string, std::vector<engine::SessionStop>> of_node_;  // None is empty.
  size_t size_ = 0;
};

}  // namespace relay
