// A control thread that remembers what loops told it about lanes and nodes. It admits every node,
// when a test runs its tasks.

#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "relay/switchboard/control_port.h"

namespace relay {

class RecordingControl final : public ControlPort {
 public:
  void HandleRequest(relay::CallOrigin, engine::HttpRequest,
                     std::function<void(engine::HttpResponse)> reply) override {
    replies.push_back(std::move(reply));
  }
  void NodeConnected(NodeArrival arrival, std::function<void(absl::Status)> admitted) override {
    arrivals.push_back(std::move(arrival));
    tasks_.push_back([admitted = std::move(admitted)] { admitted(absl::OkStatus()); });
  }
  void NodeDisconnected(std::string, uint64_t, std::string) override {}
  void RenewCertificate(uint32_t, RenewalWish,
                        std::function<void(absl::StatusOr<std::string>)>) override {}
  void NodeSaid(std::string node_id, engine::ControlMessage message) override {
    said.emplace_back(std::move(node_id), std::move(message));
  }
  void NewsMissed(std::string, uint64_t count) override { news_missed += count; }
  void LaneJoined(LaneId lane, std::string source_address) override {
    joined.emplace_back(std::move(lane), std::move(source_address));
  }
  void LaneEnded(LaneId lane, LaneEnd end) override {
    ended.emplace_back(std::move(lane), std::move(end));
  }
  void SessionJoined(std::string, std::string) override {}
  void SessionLost(std::string) override {}
  void SessionResumed(std::string, std::string) override {}
  void JoinRefused(RefusedJoin join) override { refused.push_back(std::move(join)); }
  void SessionEnded(std::string, std::string, uint64_t, uint64_t) override {}
  bool IsBehind() const override { return false; }
  void StreamOpened(StreamReport, std::string) override {}
  void StreamClosed(StreamReport, StreamEnd) override {}

  void RunTasks() {
    for (const auto& task : std::exchange(tasks_, {})) task();
  }

  std::vector<std::function<void(engine::HttpResponse)>> replies;  // Of requests, unanswered.
  std::vector<NodeArrival> arrivals;
  std::vector<std::pair<std::string, engine::ControlMessage>> said;
  uint64_t news_missed = 0;
  std::vector<std::pair<LaneId, std::string>> joined;
  std::vector<std::pair<LaneId, LaneEnd>> ended;
  std::vector<RefusedJoin> refused;

 private:
  std::vector<std::function<void()>> tasks_;
};

}  // namespace relay
