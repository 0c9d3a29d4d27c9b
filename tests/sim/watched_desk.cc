#include "tests/sim/watched_desk.h"

#include <utility>

namespace sim {

void WatchedDesk::HandleRequest(relay::CallOrigin origin, engine::HttpRequest request,
                                std::function<void(engine::HttpResponse)> reply) {
  if (desk_ == nullptr) return;
  desk_->HandleRequest(std::move(origin), request,
                       [this, request, reply = std::move(reply)](engine::HttpResponse response) {
                         if (desk_ != nullptr) watcher_.OnAnswered(request, response);
                         reply(std::move(response));
                       });
}

void WatchedDesk::NodeConnected(relay::NodeArrival arrival,
                                std::function<void(absl::Status)> admitted) {
  if (desk_ != nullptr) desk_->NodeConnected(std::move(arrival), std::move(admitted));
}

void WatchedDesk::NodeDisconnected(std::string node_id, uint64_t link_serial, std::string reason) {
  if (desk_ == nullptr) return;
  desk_->NodeDisconnected(std::move(node_id), link_serial, std::move(reason));
}

void WatchedDesk::RenewCertificate(uint32_t loop_index, relay::RenewalWish wish,
                                   std::function<void(absl::StatusOr<std::string>)> reply) {
  if (desk_ != nullptr) desk_->RenewCertificate(loop_index, std::move(wish), std::move(reply));
}

void WatchedDesk::NodeSaid(std::string node_id, engine::ControlMessage message) {
  if (desk_ == nullptr) return;
  watcher_.OnNodeSaid(message);
  desk_->NodeSaid(std::move(node_id), std::move(message));
}

void WatchedDesk::NewsMissed(std::string node_id, uint64_t count) {
  if (desk_ != nullptr) desk_->NewsMissed(std::move(node_id), count);
}

void WatchedDesk::LaneJoined(relay::LaneId lane, std::string source_address) {
  if (desk_ == nullptr) return;
  watcher_.OnLaneJoined(lane);
  desk_->LaneJoined(std::move(lane), std::move(source_address));
}

void WatchedDesk::LaneEnded(relay::LaneId lane, relay::LaneEnd end) {
  if (desk_ != nullptr) desk_->LaneEnded(std::move(lane), std::move(end));
}

void WatchedDesk::SessionJoined(std::string session_id, std::string source_address) {
  if (desk_ != nullptr) desk_->SessionJoined(std::move(session_id), std::move(source_address));
}

void WatchedDesk::SessionLost(std::string session_id) {
  if (desk_ != nullptr) desk_->SessionLost(std::move(session_id));
}

void WatchedDesk::SessionResumed(std::string session_id, std::string source_address) {
  if (desk_ != nullptr) desk_->SessionResumed(std::move(session_id), std::move(source_address));
}

void WatchedDesk::JoinRefused(relay::RefusedJoin refused) {
  if (desk_ != nullptr) desk_->JoinRefused(std::move(refused));
}

void WatchedDesk::SessionEnded(std::string session_id, std::string reason, uint64_t to_node_bytes,
                               uint64_t to_client_bytes) {
  if (desk_ == nullptr) return;
  desk_->SessionEnded(std::move(session_id), std::move(reason), to_node_bytes, to_client_bytes);
}

void WatchedDesk::StreamOpened(relay::StreamReport report, std::string what) {
  if (desk_ != nullptr) desk_->StreamOpened(std::move(report), std::move(what));
}

void WatchedDesk::StreamClosed(relay::StreamReport report, relay::StreamEnd end) {
  if (desk_ != nullptr) desk_->StreamClosed(std::move(report), std::move(end));
}

}  // namespace sim
