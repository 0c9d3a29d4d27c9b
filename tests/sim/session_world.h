// A whole world with a session that comes again: the user's programs, `adit forward`, a relay with
// its store, an agent, and what the forward leads to. Each is a process of its own, on a simulated
// loop of its own; network, time and trouble are drawn from one seed.
//
//     Programs --> ClientProcess --> RelayProcess <-- AgentProcess --> Server
//              --> ShellClient ---------^ API
//
// In some worlds it is sessions with a program each, one after the other, whose terminal or pipes
// Programs types into and reads from; the server plays what the agent starts. In some there are two
// clients side by side.
//
// It holds that
//   - every connection's bytes arrive once, in order, unchanged, and where its session leads to;
//   - a connection ends whole, or is reset at both ends if something happened that may end
//   sessions;
//   - a program's exit comes behind all its bytes, as it was; so does each size of its terminal;
//   - nothing that runs stands still for longer than kStillMax once all is calm, at either end;
//   - whom nothing has disturbed for kLostMax does not lose its connection;
//   - node and relay say why a session ended, and a stream, and it is what happened;
//   - nobody comes again by an old epoch, or by a request that was sent before, nor when what the
//     session was allowed by is gone; then it ends, and no byte of it arrives any more;
//   - a session that a client was told of is in the store, with its audit record, whatever becomes
//     of the relay and its disk, and the audit files are whole in the end;
//   - in the end every process lets go of everything, and no session is open in the store.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/sim/sim_loop.h"
#include "tests/sim/agent_process.h"
#include "tests/sim/client_seat.h"
#include "tests/sim/crowd.h"
#include "tests/sim/end_reasons.h"
#include "tests/sim/log_watch.h"
#include "tests/sim/programs.h"
#include "tests/sim/relay_disk.h"
#include "tests/sim/relay_process.h"
#include "tests/sim/witness.h"
#include "tests/sim/world_plan.h"

namespace sim {

struct SessionResult {
  std::string problem;  // Empty: every promise held.
  uint64_t bytes = 0;
  uint32_t whole = 0;
  uint32_t broken = 0;
  uint32_t resumed = 0;
  uint32_t sessions = 0;
  TroubleCounts troubles{};
  uint32_t seconds = 0;  // Of the world's time.
  RuleCounts applied{};
};

class SessionWorld {
 public:
  // All deadlines in a row that a lost connection may take: it is noticed (15 s), and so is the one
  // of the call that asks for another (30 s), the join (12 s), and the pauses between them.
  static constexpr engine::Duration kStillMax = std::chrono::seconds(75);
  // Who is half-open is noticed by then, and has come again.
  static constexpr engine::Duration kLostMax = std::chrono::seconds(30);
  static constexpr engine::Duration kRunMax = std::chrono::minutes(40);

  // `folder` is there, and empty: the relay's disk.
  SessionWorld(const WorldPlan& plan, const std::string& folder, LogWatch& log);
  ~SessionWorld();

  SessionResult Run();

  // For Disturbance.
  using Death = engine::sim::SimNetwork::Death;
  void KillRelay(Death death, engine::Duration back_after);
  void StopRelay(engine::Duration back_after);
  void EndAgent(bool in_order, Death death, engine::Duration back_after);
  void KillClient(engine::Duration back_after);
  void WithdrawPermission();
  void Replay();
  void AskForLanes();
  void AskForSessions();
  void HoldBlocks(Process& process, size_t left, engine::Duration time);
  void SetClock(Machine machine, engine::Duration ahead, engine::Duration time);
  void FillDisk(engine::Duration time);
  void Stall(engine::Socket connection, engine::Duration time);
  // Disturbed says that what was done is felt until then, by everybody.
  void Disturbed(engine::Instant until);
  // Delayed says that until then somebody who has to act cannot.
  void Delayed(engine::Instant until) { witness_.Delayed(until); }
  void CountTrouble(Trouble trouble) { ++troubles_[static_cast<size_t>(trouble)]; }
  void MayEndSessions();

  engine::Instant now() const { return sim_.now; }
  engine::sim::SimNetwork& network() { return sim_.network; }
  engine::Random& luck() { return random_; }
  RelayProcess* relay() { return relay_; }
  AgentProcess* agent() { return agent_; }
  // client is somebody of those who are there.
  SessionClient* client();

 private:
  struct Held {
    const Process* process = nullptr;
    engine::Instant until{};
    std::vector<engine::BufferRef> blocks;
  };

  bool RunUntil(const std::function<bool()>& done, engine::Duration limit);
  void RunOnce();
  void Revive();
  void LetCrowdIn();
  void StartFlows();
  // SomeSeat is one of those of which that is true; null: there is none.
  ClientSeat* SomeSeat(const std::function<bool(const ClientSeat&)>& is_right);
  const ClientSeat& SeatOf(const ByteFlow& flow) const;
  // QuietSince is from when nothing has disturbed a seat; or any.
  engine::Instant QuietSince(const ClientSeat& seat) const;
  engine::Instant QuietSince() const;
  void Disturbed(ClientSeat& seat, engine::Instant until);
  bool WasElsewhere(const ByteFlow& flow) const;
  void Check();
  void CheckFlows(SessionResult& result);
  bool AreFlowsOver() const;
  bool StandsStill(const ByteFlow& flow) const;
  bool MayWait(const ByteFlow& served) const;
  bool AnyForsaken() const;
  void CheckWaits();
  void CheckCalm();
  void CheckWithdrawal();
  void CheckDisk();
  bool HasOpenSession() const;
  void EndDueTroubles();
  bool IsLeaving(Machine machine) const;
  template <class Made, class... Arguments>
  Made* Start(Arguments&&... arguments);
  std::string WhoIsLeft() const;
  uint64_t ServedBytes() const;

  const WorldPlan plan_;
  LogWatch& log_;
  engine::sim::SimWorld sim_;
  engine::Random random_;
  Witness witness_;
  EndReasons ends_{witness_};
  const RelayDisk disk_;
  const std::string node_folder_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<Held> held_;
  Programs* programs_ = nullptr;
  Server* server_ = nullptr;
  RelayProcess* relay_ = nullptr;  // Null: it will be back ...
  AgentProcess* agent_ = nullptr;
  std::vector<ClientSeat> seats_;
  engine::Instant relay_at_{};  // ... at that time.
  engine::Instant agent_at_{};
  engine::Instant trouble_at_{};
  engine::Instant full_until_{};                  // The disk.
  engine::Instant stall_at_{};                    // The next one is not before then.
  std::array<engine::Instant, 4> clock_until_{};  // Of each machine: it is right again.
  engine::Instant flow_at_{};
  engine::Instant quiet_since_{};
  size_t flows_started_ = 0;
  TroubleCounts troubles_{};
  uint64_t bytes_before_full_ = 0;
  Crowd crowd_{witness_};
  engine::Instant crowd_at_ = engine::Instant::max();  // It wants to come.
  bool has_asked_for_lanes_ = false;
  bool has_asked_for_sessions_ = false;
  bool is_ending_ = false;
};

}  // namespace sim
