#include "relay/broker/unheard_stops.h"

#include <utility>

#include "engine/base/log.h"

namespace relay {

void UnheardStops::Add(std::string_view node_id, engine::SessionStop stop) {
  const auto dropped = [node_id](const engine::SessionStop& lost) {
    engine::log::Write(engine::log::Level::kWarning, "session_stop_dropped",
                       {{"node", node_id}, {"session", lost.session_id}});
  };
  if (size_ == kMax) return dropped(stop);
  std::vector<engine::SessionStop>& stops = of_node_[std::string(node_id)];
  if (stops.size() == kOfNodeMax) {
    dropped(stops.front());
    stops.erase(stops.begin());
    --size_;
  }
  stops.push_back(std::move(stop));
  ++size_;
}

void UnheardStops::Heard(std::string_view node_id, std::string_view session_id) {
  const auto found = of_node_.find(std::string(node_id));
  if (found == of_node_.end()) return;
  size_ -= std::erase_if(found->second, [session_id](const engine::SessionStop& stop) {
    return stop.session_id == session_id;
  });
  if (found->second.empty()) of_node_.erase(found);
}

void UnheardStops::Forget(std::string_view node_id) {
  const auto found = of_node_.find(std::string(node_id));
  if (found == of_node_.end()) return;
  size_ -= found->second.size();
  of_node_.erase(found);
}

std::vector<engine::SessionStop> UnheardStops::Of(std::string_view node_id) const {
  const auto found = of_node_.find(std::string(node_id));
  return found == of_node_.end() ? std::vector<engine::SessionStop>() : found->second;
}

}  // namespace relay
