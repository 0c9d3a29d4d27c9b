#pragma once

#include <string>
#include <string_view>

#include "engine/loop/loop.h"
#include "relay/gateway/local_link.h"
#include "relay/originals/original_node.h"
#include "relay/switchboard/agent_role.h"
#include "relay/switchboard/local_run.h"

namespace relay {

class ControlChannelRole;
class Switchboard;

// OriginalHost runs one node with an original agent, as long as its control channel lasts: the
// node, the link inside the process, and the agent's role at its other end.
class OriginalHost final : private OriginalNode::Runner, private LocalRun::Work {
 public:
  OriginalHost(Switchboard& switchboard, ControlChannelRole& channel, std::string node_id,
               std::string_view agent_version, std::string source_address);
  // It is destroyed by OriginalDesk::Left, or when nothing ever ran.

  const std::string& node_id() const { return node_id_; }
  AgentSession* FindSession(const std::string& session_id) { return node_.Find(session_id); }
  // BeginVerbatim is OriginalNode's.
  VerbatimSession* BeginVerbatim(const SessionGrant& grant, VerbatimSession::Client& client,
                                 std::string& refusal);
  void ReceiveControl(const MessageBatch& batch);

  // ControlLost says that the control channel is gone, and with it the node.
  void ControlLost(std::string_view why);
  // Farewell takes no new session, and closes the control channel when there is none any more.
  void Farewell() { role_.Farewell(); }

 private:
  void Wake() override { run_.Wake(); }
  void SendControl(std::string message) override;
  bool TakesNew() const override;
  void OnSessionBegan(const std::string& session_id) override;
  void OnSessionOver(const std::string& session_id) override;
  void RunOnce(engine::Instant now) override;
  engine::Instant NextDeadline() const override { return node_.NextDeadline(); }
  void OnRunOver(const std::string& reason) override;

  Switchboard& switchboard_;
  engine::Loop& loop_;
  ControlChannelRole* channel_;  // Null when it is gone.
  const std::string node_id_;
  LocalLink link_;
  AgentRole role_;
  OriginalNode node_;
  LocalRun run_;
};

}  // namespace relay
