#pragma once

#include <functional>
#include <string>

#include "relay/switchboard/control_port.h"

namespace sim {

// WatchedDesk stands before the relay's desk, and lets somebody see what goes in and comes out.
// When its relay has died, nobody hears what loops tell.
class WatchedDesk final : public relay::ControlPort {
 public:
  class Watcher {
   public:
    // A request that was answered; on the loop, before its client can know.
    virtual void OnAnswered(const engine::HttpRequest& request,
                            const engine::HttpResponse& response) = 0;
    virtual void OnLaneJoined(const relay::LaneId& lane) = 0;
    virtual void OnNodeSaid(const engine::ControlMessage& message) = 0;

   protected:
    ~Watcher() = default;
  };

  explicit WatchedDesk(Watcher& watcher) : watcher_(watcher) {}

  // Null: it died.
  void SetDesk(relay::ControlPort* desk) { desk_ = desk; }

  void HandleRequest(relay::CallOrigin origin, engine::HttpRequest request,
                     std::function<void(engine::HttpResponse)> reply) override;
  void NodeConnected(relay::NodeArrival arrival,
                     std::function<void(absl::Status)> admitted) override;
  void NodeDisconnected(std::string node_id, uint64_t link_serial, std::string reason) override;
  void RenewCertificate(uint32_t loop_index, relay::RenewalWish wish,
                        std::function<void(absl::StatusOr<std::string>)> reply) override;
  void NodeSaid(std::string node_id, engine::ControlMessage message) override;
  void NewsMissed(std::string node_id, uint64_t count) override;
  void LaneJoined(relay::LaneId lane, std::string source_address) override;
  void LaneEnded(relay::LaneId lane, relay::LaneEnd end) override;
  void SessionJoined(std::string session_id, std::string source_address) override;
  void SessionLost(std::string session_id) override;
  void SessionResumed(std::string session_id, std::string source_address) override;
  void JoinRefused(relay::RefusedJoin refused) override;
  void SessionEnded(std::string session_id, std::string reason, uint64_t to_node_bytes,
                    uint64_t to_client_bytes) override;
  bool IsBehind() const override { return desk_ != nullptr && desk_->IsBehind(); }
  void StreamOpened(relay::StreamReport report, std::string what) override;
  void StreamClosed(relay::StreamReport report, relay::StreamEnd end) override;

 private:
  Watcher& watcher_;
  relay::ControlPort* desk_ = nullptr;
};

}  // namespace sim
