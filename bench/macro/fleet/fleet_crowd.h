#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "bench/macro/fleet/fleet_agent.h"
#include "bench/macro/fleet/fleet_roll.h"
#include "engine/net/loop_driver.h"

namespace fleet {

// CrowdOptions say which agents of a roll one process is, and how they come.
struct CrowdOptions {
  std::string roll;
  size_t first = 0;
  size_t count = 0;
  uint16_t port = 0;
  // The relay is dialled at so many addresses from 127.0.0.1 on: a pair of addresses has some
  // 28,000 ports.
  size_t address_count = 1;
  // How many may be on their way at once when the crowd first comes.
  size_t arriving_max = 256;
  // The same when they come back. Without, each comes by its own back-off, however many others do,
  // which takes as much CPU time here as the relay has.
  size_t returning_max = SIZE_MAX;
};

// Crowd is all agents of one process, on one loop.
class Crowd final : private Agent::Events {
 public:
  Crowd(engine::LoopDriver& driver, const CrowdOptions& options);

  // Run prints a line whenever something has changed, at most ten a second, until standard input
  // ends. It does not return.
  [[noreturn]] void Run();

 private:
  void OnUp(Agent& agent) override;
  void OnDown(Agent& agent, bool was_up, const std::string& why) override;
  void OnDue(Agent& agent) override;
  void OnInput(engine::Received outcome);
  void Invite();
  void Report();

  engine::LoopDriver& driver_;
  const CrowdOptions options_;
  const Roll roll_;
  std::vector<Target> targets_;
  std::deque<Agent> agents_;
  size_t invited_ = 0;   // Agents that were told to dial.
  size_t arriving_ = 0;  // Of them, those that have not come yet.
  std::vector<bool> has_come_;
  std::deque<Agent*> due_;  // Have come once, and would dial again.
  size_t returning_ = 0;    // Of them, those that do.
  size_t up_ = 0;
  size_t lost_ = 0;    // Links that were up and ended.
  size_t failed_ = 0;  // Dials that came to nothing.
  std::map<std::string, size_t> reasons_;
  bool changed_ = true;
  bool input_ended_ = false;
  engine::ReceiveOp input_op_;
};

}  // namespace fleet
