#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "relay/api/api.h"
#include "relay/broker/broker.h"
#include "relay/store/sqlite_store.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/switchboard.h"
#include "tests/sim/process.h"
#include "tests/sim/witness.h"

namespace sim {

// RelayProcess is a relay: switchboard, broker, API and store are the real ones. The desk in
// between, which has a thread of its own in the program, is this: what loops tell waits for its
// turn, and what the broker says to a loop arrives later.
class RelayProcess final : public Process, private relay::ControlPort, private relay::DataPlane {
 public:
  static constexpr engine::Duration kTick = std::chrono::milliseconds(250);

  // Goes on with what the store has. Both outlive it.
  RelayProcess(engine::sim::SimWorld& world, uint16_t block_count, relay::SqliteStore& store,
               Witness& witness);
  ~RelayProcess() override;

  engine::Instant NextAt() const override;
  bool over() const override { return switchboard_.stopped() && (is_dead() || control_.empty()); }

  // SlowDown is a disk that makes everybody wait until then.
  void SlowDown(engine::Instant until) { control_at_ = until; }
  // Ask is a call of the API from somewhere else.
  void Ask(engine::HttpRequest request, std::function<void(engine::HttpResponse)> reply);
  size_t node_count() const { return nodes_.size(); }

 private:
  void AfterIteration() override;
  void Stop() override { switchboard_.Stop(std::chrono::seconds(5)); }
  void LetGo() override;
  void Tell(std::function<void()> task);
  void ToLoop(std::function<void()> task) { to_loop_.push_back(std::move(task)); }
  int64_t NowMs() const;

  void HandleRequest(uint32_t loop, engine::HttpRequest request, std::string source_address,
                     std::function<void(engine::HttpResponse)> reply) override;
  void NodeConnected(relay::NodeArrival arrival,
                     std::function<void(absl::Status)> admitted) override;
  void NodeDisconnected(std::string node_id, uint64_t link_serial, std::string reason) override;
  void RenewCertificate(uint32_t, std::string, std::string,
                        std::function<void(absl::StatusOr<std::string>)>) override {}
  void NodeSaid(std::string node_id, engine::ControlMessage message) override;
  void NewsMissed(std::string, uint64_t) override {}
  void LaneJoined(relay::LaneId lane, std::string source_address) override;
  void LaneEnded(relay::LaneId lane, relay::LaneEnd end) override;
  void SessionJoined(std::string, std::string) override {}
  void SessionLost(std::string) override {}
  void SessionResumed(std::string, std::string) override {}
  void JoinRefused(relay::RefusedJoin) override {}
  void SessionEnded(std::string, std::string, uint64_t, uint64_t) override {}
  bool IsBehind() const override { return false; }
  void StreamOpened(relay::StreamReport, std::string) override {}
  void StreamClosed(relay::StreamReport, relay::StreamEnd) override {}

  std::optional<relay::NodePlace> FindNode(std::string_view node_id) override;
  void CutNode(std::string_view, std::string_view) override {}
  void PrepareSession(const relay::SessionGrant&) override {}
  void RenewToken(std::string_view, const engine::crypto::Sha256Digest&) override {}
  void EndSession(std::string_view, std::string_view) override {}
  void TellNode(std::string_view node_id, const engine::ControlMessage& message) override;
  uint32_t loop_count() const override { return 1; }
  bool AddLane(uint32_t loop, const relay::LaneGrant& grant) override;
  void EndLanes(std::string_view session_id, std::string_view reason) override;
  void RefuseReturns(uint64_t link_serial) override;
  void CutLanes(const engine::LanesLost& lost, std::string_view reason) override;

  Witness& witness_;
  engine::Random random_;
  relay::NodeCertificates certificates_;
  std::map<std::string, relay::NodePlace, std::less<>> nodes_;
  std::deque<std::function<void()>> control_;  // What waits for the desk ...
  std::deque<std::function<void()>> to_loop_;  // ... and for the loop.
  engine::Instant control_at_{};               // When the desk goes on.
  engine::Instant tick_at_{};
  std::unique_ptr<relay::Broker> broker_;  // Until the process dies.
  std::unique_ptr<relay::Api> api_;
  relay::Switchboard switchboard_;
};

}  // namespace sim
