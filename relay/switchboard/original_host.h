#pragma once

#include <string>
#include <string_view>

#include "engine/loop/loop.h"
#include "relay/gateway/local_link.h"
#include "relay/originals/original_node.h"
#include "relay/switchboard/agent_role.h"

namespace relay {

class ControlChannelRole;
class Switchboard;

// OriginalHost runs one node with an original agent, as long as its control channel lasts: the
// node, the link inside the process, and the agent's role at its other end.
class OriginalHost final : private OriginalNode::Runner {
 public:
  // How long to wait for blocks when the pool has run dry.
  static constexpr engine::Duration kNoBuffersPause = std::chrono::milliseconds(2);

  OriginalHost(Switchboard& switchboard, ControlChannelRole& channel, std::string node_id,
               std::string_view agent_version, std::string source_address);
  ~OriginalHost();  // Requires: OriginalDesk::Left was called for it, or nothing ran.

  const std::string& node_id() const { return node_id_; }
  OriginalSession* FindSession(const std::string& session_id) { return node_.Find(session_id); }
  void ReceiveControl(const MessageBatch& batch);

  // ControlLost says that the control channel is gone, and with it the node.
  void ControlLost(std::string_view why);
  // Farewell takes no new session, and closes the control channel when there is none any more.
  void Farewell() { role_.Farewell(); }

 private:
  void Wake() override;
  void SendControl(std::string message) override;
  void OnSessionBegan(const std::string& session_id) override;
  void OnSessionOver(const std::string& session_id) override;
  void OnTimer(engine::Fired outcome);
  void Run();
  void Arm();

  Switchboard& switchboard_;
  engine::Loop& loop_;
  ControlChannelRole* channel_;  // Null when it is gone.
  const std::string node_id_;
  LocalLink link_;
  AgentRole role_;
  OriginalNode node_;
  bool is_woken_ = false;
  bool is_running_ = false;
  bool is_over_ = false;
  bool is_dry_ = false;
  std::string end_reason_;
  engine::Instant armed_for_ = engine::Instant::max();
  engine::TimerOp timer_op_;
};

}  // namespace relay
