#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/forward_lane.h"
#include "engine/net/loop_driver.h"
#include "engine/net/worker_loop.h"

namespace client {

// LaneLoop has the lanes that run on one loop. What is public is called from the listeners' thread
// and arrives by letter, in order.
class LaneLoop final : public engine::WorkerLoop::Tenant, private ForwardLane::Owner {
 public:
  // `driver` outlives it.
  explicit LaneLoop(engine::LoopDriver& driver) : driver_(driver) {}
  ~LaneLoop() override;  // Requires: OnLaneGone was heard of every lane.

  // Dial makes a lane. Take and Answer are for one that was not told to leave; Order does nothing
  // to one that has gone.
  void Dial(std::unique_ptr<LanePlan> plan);
  void Take(const LaneName& lane, LocalConnection connection);
  void Order(const LaneName& lane, LaneOrder order);
  void Answer(const LaneName& lane, absl::StatusOr<LaneTicket> ticket);

 private:
  struct TakeLetter {
    LaneName lane;
    LocalConnection connection;
  };
  struct OrderLetter {
    LaneName lane;
    LaneOrder order;
  };
  struct AnswerLetter {
    LaneName lane;
    absl::StatusOr<LaneTicket> ticket;
  };
  template <auto kMethod, class Letter>
  void Post(Letter letter);
  void OnDial(std::unique_ptr<LanePlan> plan);
  void OnTake(TakeLetter letter);
  void OnOrder(OrderLetter letter);
  void OnAnswer(std::unique_ptr<AnswerLetter> letter);
  void OnLaneGone(ForwardLane& lane) override;
  void OnRemove(LaneName name);
  ForwardLane* Find(const LaneName& name);

  engine::LoopDriver& driver_;
  std::vector<std::unique_ptr<ForwardLane>> lanes_;
};

}  // namespace client
