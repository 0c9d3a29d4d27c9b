// The agent: one link to the relay at a time, for as long as the process runs, and sealed sessions
// beside it, which outlive links. When the network changes it does not wait.
//
//     dial --> link up --> link down --> wait (back-off) --> dial ...
//                |
//             SIGTERM --> goaway, sessions end --> last words sent --> Run returns
//             SIGUSR2 --> a successor dials --> its sessions end by themselves --> Run returns

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/keys/relay_keys.h"
#include "agent/keys/service_keys.h"
#include "agent/link_news.h"
#include "agent/node_state.h"
#include "agent/process/program_host.h"
#include "agent/redial.h"
#include "agent/relay_link.h"
#include "agent/session/lane_worker.h"
#include "agent/session/session_table.h"
#include "agent/succession/succession.h"
#include "agent/target/target_table.h"
#include "engine/loop/op.h"
#include "engine/platform/network_watch.h"
#include "engine/platform/service_manager.h"
#include "engine/platform/signal_receiver.h"

namespace engine {
class LoopDriver;
class TlsContext;
}  // namespace engine

namespace agent {

struct AgentOptions {
  std::string state_folder;
  std::string version;
  std::string notify_socket;              // $NOTIFY_SOCKET, or empty.
  uid_t uid = 0;                          // As whom the agent runs.
  std::unique_ptr<ProgramHost> programs;  // Where sessions' programs run; null: on this machine.
  InheritedEnvironment inherited;
  int state_lock = -1;       // The state folder's lock, for a successor.
  Descriptor predecessor{};  // The link to the process whose place this one takes, if any.
  std::optional<KeyServiceOptions> key_service;  // Nothing: the relay opens data keys.
  // The threads for lanes beside the agent's own; none: lanes run on the agent's loop.
  size_t workers = 0;
  size_t sessions_max = SessionTable::kSessionsMax;  // At once.
  engine::LoopOptions worker_loop{};
};

class Agent final : private RelayLink::Events,
                    private engine::SignalReceiver::Events,
                    private Succession::Events,
                    private engine::NetworkWatch::Listener {
 public:
  // A signal to stop gives sessions this long. It is more than the grace of a child.
  static constexpr engine::Duration kStopMax = std::chrono::seconds(8);
  // How long news of streams is left to gather. Each message costs threads of node and relay more
  // than a short connection itself.
  static constexpr engine::Duration kNewsDelay = std::chrono::milliseconds(10);
  // A successor that is not connected to the relay after this long is given up.
  static constexpr engine::Duration kSuccessionMax = std::chrono::seconds(30);

  // Create returns an error when the state's keys or certificates cannot be used, or a worker's
  // loop cannot be made; it needs an identity (node_identity.h). Requires: SIGCHLD, SIGTERM,
  // SIGINT and SIGUSR2 are blocked. `driver` outlives the agent.
  static absl::StatusOr<std::unique_ptr<Agent>> Create(engine::LoopDriver& driver, NodeState state,
                                                       AgentOptions options);
  ~Agent();  // Requires: stopped(), or Start was not called.

  // Run returns after SIGTERM or SIGINT, or when a successor has taken this agent's place and all
  // sessions have ended. DeadlineExceeded: something did not end within kStopMax;
  // then only the process's own end helps.
  absl::Status Run();

  // What Run does: Start, and then Step, one iteration of the loop each, until stopped(). For who
  // runs something else on the same loop.
  void Start();
  void Step(engine::Duration wait_max);
  bool stopped() const;

 private:
  Agent(engine::LoopDriver& driver, NodeState state, engine::crypto::IdentityKey identity,
        AgentOptions options, Descriptor predecessor, std::unique_ptr<ProgramHost> programs,
        std::unique_ptr<engine::TlsContext> context,
        std::unique_ptr<engine::TlsContext> key_context, std::shared_ptr<TargetQuota> quota,
        std::vector<std::unique_ptr<LaneWorker>> workers);

  void OnLinkUp(const engine::Hello& relay) override;
  void OnCertificateRenewed(const std::string& certificate_pem) override;
  void OnRelayMessage(const engine::ControlMessage& message) override;
  void OnLinkDown(const LinkEnd& end) override;
  void OnSignal(int signal) override;
  void OnSucceeded(pid_t successor) override;
  void OnSuccessorSays(std::string_view json) override;
  void OnSuccessorStops() override { Stop(); }
  void OnSuccessorGone() override;
  void OnPredecessorSays(std::string_view json) override;
  void OnPredecessorGone() override;
  void OnNetworkChanged(bool is_gain) override;
  void OnRetry(engine::Fired outcome);
  void OnRenewal(engine::Fired outcome);
  void OnStopDeadline(engine::Fired outcome);
  void OnSuccessionDeadline(engine::Fired outcome);
  void OnNewsDue(engine::Fired outcome);

  void Dial();
  void ScheduleRenewal();
  void TakeRenewed();
  void TellRelay();
  bool WorkersAreIdle() const;
  bool HasSessions() const;
  bool HasLiveSessions() const;
  void BeginSuccession();
  void LeaveWhenDone();
  void Stop();
  void StopOn();

  engine::LoopDriver& driver_;
  NodeState state_;
  const AgentOptions options_;
  std::unique_ptr<engine::TlsContext> context_;
  engine::ServiceManager service_manager_;
  const std::unique_ptr<ProgramHost> programs_;
  engine::SignalReceiver signals_;
  RelayKeys relay_keys_;
  std::unique_ptr<ServiceKeys> service_keys_;
  TargetContext target_context_;
  TargetTable targets_;
  const std::vector<std::unique_ptr<LaneWorker>> workers_;
  SessionTable sessions_;
  Succession succession_;
  std::unique_ptr<RelayLink> link_;
  Redial redial_;
  LinkNews link_news_;
  engine::TimerOp retry_op_;
  engine::TimerOp renewal_op_;
  std::optional<engine::Instant> renewal_asked_at_;
  engine::TimerOp news_op_;
  engine::TimerOp stop_op_;
  engine::TimerOp succession_op_;
  bool was_ever_up_ = false;
  bool news_due_ = false;
  bool stopping_ = false;
  bool stop_overdue_ = false;
};

}  // namespace agent
