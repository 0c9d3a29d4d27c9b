#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "relay/switchboard/control_port.h"

namespace sim {

inline constexpr char kLinkNode[] = "mi-0123456789abcdef0";  // The one that is let in.

// LinkControl is what the control thread would answer, between iterations of the loop.
class LinkControl final : public relay::ControlPort {
 public:
  void HandleRequest(relay::CallOrigin, engine::HttpRequest,
                     std::function<void(engine::HttpResponse)> reply) override {
    tasks.push_back([reply] { reply({}); });
  }
  void NodeConnected(relay::NodeArrival arrival,
                     std::function<void(absl::Status)> admitted) override {
    ++arrivals;
    tasks.push_back([this, admitted, id = arrival.node_id] {
      admitted(id == kLinkNode ? absl::OkStatus() : absl::NotFoundError("unknown node"));
      ++admissions;
    });
  }
  void NodeDisconnected(std::string, uint64_t, std::string) override { ++departures; }
  void RenewCertificate(uint32_t, relay::RenewalWish,
                        std::function<void(absl::StatusOr<std::string>)>) override {}
  void NodeSaid(std::string, engine::ControlMessage) override {}
  void NewsMissed(std::string, uint64_t) override {}
  void LaneJoined(relay::LaneId, std::string) override {}
  void LaneEnded(relay::LaneId, relay::LaneEnd) override {}
  void SessionJoined(std::string, std::string) override { ++joined; }
  void SessionLost(std::string) override {}
  void SessionResumed(std::string, std::string) override {}
  void JoinRefused(relay::RefusedJoin) override {}
  void SessionEnded(std::string, std::string, uint64_t to_node, uint64_t to_client) override {
    ++ended;
    to_node_bytes += to_node;
    to_client_bytes += to_client;
  }
  bool IsBehind() const override { return false; }
  void StreamOpened(relay::StreamReport, std::string) override { ++streams_open; }
  void StreamClosed(relay::StreamReport, relay::StreamEnd) override { --streams_open; }

  void RunTasks() {
    while (!tasks.empty()) {
      const std::function<void()> task = std::move(tasks.front());
      tasks.pop_front();
      task();
    }
  }

  std::deque<std::function<void()>> tasks;
  int arrivals = 0, admissions = 0, departures = 0, joined = 0, ended = 0;
  int64_t streams_open = 0;
  uint64_t to_node_bytes = 0, to_client_bytes = 0;
};

}  // namespace sim
