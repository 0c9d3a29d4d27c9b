#pragma once

#include <memory>

#include "agent/redial.h"
#include "agent/relay_link.h"
#include "agent/session/session_table.h"
#include "agent/target/target_table.h"
#include "tests/sim/process.h"

namespace sim {

// AgentProcess is a node's agent: link, sessions, lanes and targets are the real ones. What
// agent::Agent does beside that is here: it dials again, carries messages, and stops in order.
class AgentProcess final : public Process, private agent::RelayLink::Events {
 public:
  AgentProcess(engine::sim::SimWorld& world, uint16_t block_count);

  bool over() const override;
  size_t session_count() const { return sessions_.count(); }

 private:
  void AfterIteration() override;
  void Stop() override;
  void LetGo() override;
  void EndAll();
  void OnLinkUp(const engine::Hello& relay) override;
  void OnCertificateRenewed(const std::string&) override {}
  void OnRelayMessage(const engine::ControlMessage& message) override;
  void OnLinkDown(const agent::LinkEnd& end) override;
  void OnRetry(engine::Fired outcome);

  const agent::TargetContext target_context_;
  agent::TargetTable targets_;
  agent::SessionTable sessions_;
  std::unique_ptr<agent::RelayLink> link_;
  agent::Redial redial_;
  engine::TimerOp retry_op_;
};

}  // namespace sim
