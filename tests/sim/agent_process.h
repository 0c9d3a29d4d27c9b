#pragma once

#include <memory>
#include <string>

#include "agent/agent.h"
#include "tests/sim/process.h"
#include "tests/sim/programs.h"

namespace sim {

// SaveNode makes a node of a folder that is not there yet: what enrolment leaves behind.
void SaveNode(const std::string& folder);

// AgentProcess is `adit-agent run`: the real agent, with its signals, on the loop of the world. It
// has no lanes on threads of their own.
class AgentProcess final : public Process {
 public:
  // Goes on with what the node's folder has. Programs are the server's to play.
  AgentProcess(engine::sim::SimWorld& world, uint16_t block_count, const std::string& folder,
               Server& server);
  ~AgentProcess() override = default;

  bool over() const override { return is_leaving() && agent_->stopped(); }

 private:
  void Iterate() override { agent_->Step(engine::Duration::zero()); }
  void Stop() override;
  // It ends as if it were told to; whatever it says, nobody hears.
  void LetGo() override { Stop(); }

  std::unique_ptr<agent::Agent> agent_;
};

}  // namespace sim
