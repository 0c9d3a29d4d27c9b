// The lanes of sealed sessions on one loop. A session asks from its own thread, by letters, and
// hears of its lanes by letters.
//
//     the sessions' thread                      the host's loop
//     Dial, End, Close ------- letters ------>  HostedLane: dial, join, streams, targets
//     LaneListener::OnLaneNews <--- letters --

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/hosted_lane.h"
#include "agent/target/target_table.h"
#include "engine/net/loop_driver.h"

namespace agent {

// LaneReturn is all that it takes to dial another connection for a lane.
struct LaneReturn {
  const LaneListener* listener = nullptr;
  uint32_t number = 0;
  std::shared_ptr<const engine::TlsContext> outer;
  engine::JoinedConnection::Options join;
};

class LaneHost {
 public:
  // Both outlive the host.
  LaneHost(engine::LoopDriver& driver, TargetTable& targets);
  ~LaneHost();  // Requires: no lane is left, nor a letter about one.

  // Dial makes a lane; its number is new to the listener. Return, End and Close are HostedLane's,
  // and nothing for a lane that is not there any more. From the sessions' thread.
  void Dial(std::unique_ptr<LanePlan> plan);
  void Return(std::unique_ptr<LaneReturn> order);
  void End(const LaneListener* listener, uint32_t number, engine::CloseCode code,
           std::string_view text);
  void Close(const LaneListener* listener, uint32_t number);

  // Sweep destroys lanes that are over. On the host's loop, after every RunOnce.
  void Sweep();

 private:
  struct Order {
    const LaneListener* listener = nullptr;
    uint32_t number = 0;
    bool at_once = false;
    engine::CloseCode code = engine::CloseCode::kNormal;
    std::string text;
  };
  void OnDial(std::unique_ptr<LanePlan> plan);
  void OnReturn(std::unique_ptr<LaneReturn> order);
  void OnOrder(std::unique_ptr<Order> order);

  engine::LoopDriver& driver_;
  TargetTable& targets_;
  std::vector<std::unique_ptr<HostedLane>> lanes_;
};

}  // namespace agent
