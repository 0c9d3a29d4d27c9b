#include "tests/sim/session_world.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "tests/sim/disturbance.h"
#include "tests/sim/machine_clock.h"
#include "tests/sim/world_keys.h"

namespace sim {

using engine::Duration;
using engine::Instant;
using std::chrono::milliseconds;
using std::chrono::seconds;

SessionWorld::SessionWorld(const WorldPlan& plan, const std::string& folder, LogWatch& log)
    : plan_(plan),
      log_(log),
      sim_(plan.seed, plan.faults),
      random_(plan.seed + 1),
      disk_(folder + "/relay"),
      node_folder_(folder + "/node") {
  SaveNode(node_folder_);
  MachineClock::Begin(sim_.now);
  seats_.reserve(plan_.seats);
  for (size_t i = 0; i < plan_.seats; ++i) seats_.emplace_back(i, plan_, witness_, ends_);
  programs_ = Start<Programs>();
  server_ = Start<Server>();
}

SessionWorld::~SessionWorld() = default;

template <class Made, class... Arguments>
Made* SessionWorld::Start(Arguments&&... arguments) {
  processes_.push_back(std::make_unique<Made>(sim_, std::forward<Arguments>(arguments)...));
  return static_cast<Made*>(processes_.back().get());
}

bool SessionWorld::IsLeaving(Machine machine) const {
  return std::ranges::any_of(processes_, [machine](const auto& process) {
    return process->machine() == machine && process->is_leaving() && !process->is_dead();
  });
}

// ------------------------------------------------------------------ the parties

// Revive starts what is away when its time has come. What was asked to stop has its address until
// it is over.
void SessionWorld::Revive() {
  const Instant now = sim_.now;
  // A relay does not start on a full disk, and is started again and again.
  const bool may_start = !IsLeaving(kRelayHost) && !RelayDisk::is_full();
  if (relay_ == nullptr && now >= relay_at_ && may_start) {
    relay_ = Start<RelayProcess>(plan_.blocks, disk_, witness_, ends_);
    Disturbed(now);
  }
  if (is_ending_) return;
  if (agent_ == nullptr && now >= agent_at_ && !IsLeaving(kNodeHost)) {
    agent_ = Start<AgentProcess>(plan_.blocks, node_folder_, *server_);
    Disturbed(now);
  }
  for (ClientSeat& seat : seats_) {
    if (seat.client() == nullptr && now >= seat.start_at() && !IsLeaving(kOperator)) {
      processes_.push_back(seat.Start(sim_));
      Disturbed(seat, now);
    }
    seat.Look(now, now - QuietSince(seat) >= kLostMax);
  }
}

ClientSeat* SessionWorld::SomeSeat(const std::function<bool(const ClientSeat&)>& is_right) {
  std::vector<ClientSeat*> right;
  for (ClientSeat& seat : seats_) {
    if (is_right(seat)) right.push_back(&seat);
  }
  return right.empty() ? nullptr : right[random_.Range(0, right.size() - 1)];
}

SessionClient* SessionWorld::client() {
  ClientSeat* seat = SomeSeat([](const ClientSeat& each) { return each.client() != nullptr; });
  return seat == nullptr ? nullptr : seat->client();
}

const ClientSeat& SessionWorld::SeatOf(const ByteFlow& flow) const {
  const auto found =
      std::ranges::find_if(seats_, [&](const ClientSeat& seat) { return seat.Has(flow.plan()); });
  return found == seats_.end() ? seats_.front() : *found;  // No seat's: it came out wrong.
}

void SessionWorld::MayEndSessions() {
  for (ClientSeat& seat : seats_) seat.MayEnd(now());
}

void SessionWorld::KillRelay(Death death, Duration back_after) {
  if (relay_ == nullptr) return;
  witness_.RelayEnded(now());
  ends_.Happened(EndReasons::kRelayEnded);
  relay_->Kill(death);
  relay_ = nullptr;
  relay_at_ = now() + back_after;
  Delayed(relay_at_);
  Disturbed(relay_at_);
}

void SessionWorld::StopRelay(Duration back_after) {
  if (relay_ == nullptr || relay_->is_paused()) return;
  witness_.RelayEnded(now());
  ends_.Happened(EndReasons::kRelayEnded);
  relay_->AskToStop();
  relay_ = nullptr;
  relay_at_ = now() + back_after;
  Delayed(now() + back_after + seconds(5));
  Disturbed(now() + back_after + seconds(5));
}

void SessionWorld::EndAgent(bool in_order, Death death, Duration back_after) {
  if (agent_ == nullptr || agent_->is_paused()) return;
  MayEndSessions();
  std::erase_if(held_, [this](const Held& held) { return held.process == agent_; });
  ends_.Happened(in_order ? EndReasons::kAgentStopped : EndReasons::kAgentKilled);
  in_order ? agent_->AskToStop() : agent_->Kill(death);
  agent_ = nullptr;
  agent_at_ = now() + back_after;
  Disturbed(agent_at_ + seconds(8));
}

void SessionWorld::KillClient(Duration back_after) {
  ClientSeat* seat = SomeSeat([](const ClientSeat& each) { return each.client() != nullptr; });
  if (seat == nullptr) return;
  seat->Kill(now(), now() + back_after);
  Disturbed(*seat, now() + back_after);
}

void SessionWorld::WithdrawPermission() {
  if (witness_.is_withdrawn() || relay_ == nullptr || RelayDisk::is_full()) return;
  MayEndSessions();
  CHECK(relay_->store().Iam().Detach(std::string("AIDA") + kUser, kUserPolicy).ok());
  witness_.PermissionWithdrawn(now());
  ends_.Happened(EndReasons::kWithdrawn);
  Disturbed(now());
}

void SessionWorld::Replay() {
  if (relay_ == nullptr || relay_->is_leaving() || witness_.granted().empty()) return;
  const auto all = witness_.granted();
  relay_->Ask(all[random_.Range(0, all.size() - 1)], [this](engine::HttpResponse response) {
    witness_.Applied(Rule::kReplay);
    if (response.status == 200) witness_.Blame("a request to come again was taken twice");
  });
}

void SessionWorld::AskForLanes() {
  const ClientSeat* seat = SomeSeat([](const ClientSeat& each) {
    return each.client() != nullptr && each.client()->has_session();
  });
  if (seat == nullptr || relay_ == nullptr || relay_->is_leaving()) return;
  if (!std::exchange(has_asked_for_lanes_, true)) {
    crowd_.AskForLanes(*relay_, seat->client()->session_id());
  }
}

// A full node gives up who has been away for long, and so nobody may be: all is calm before it, and
// until there is room again.
void SessionWorld::AskForSessions() {
  if (std::exchange(has_asked_for_sessions_, true)) return;
  crowd_at_ = now();
  LetCrowdIn();
}

void SessionWorld::LetCrowdIn() {
  crowd_at_ = std::max(crowd_at_, std::max(quiet_since_, full_until_) + kLostMax);
  trouble_at_ = std::max(trouble_at_, crowd_at_ + Crowd::kOverAfter + seconds(10));
  if (now() < crowd_at_) return;
  crowd_at_ = Instant::max();
  if (relay_ != nullptr && !witness_.is_withdrawn()) crowd_.AskForSessions(*relay_, now());
}

void SessionWorld::HoldBlocks(Process& process, size_t left, Duration time) {
  Held held{.process = &process, .until = now() + time, .blocks = {}};
  engine::BufferPool& pool = process.loop().buffers();
  while (pool.free_count() > left) held.blocks.push_back(pool.Take());
  Disturbed(held.until);
  Delayed(held.until);
  held_.push_back(std::move(held));
}

void SessionWorld::SetClock(Machine machine, Duration ahead, Duration time) {
  MachineClock::Set(machine, ahead);
  clock_until_[machine] = now() + time;
  Disturbed(clock_until_[machine]);
}

void SessionWorld::FillDisk(Duration time) {
  if (RelayDisk::is_full()) return;
  RelayDisk::SetFull(true);
  witness_.DiskFull();
  full_until_ = now() + time;
  Delayed(full_until_);
  bytes_before_full_ = ServedBytes();
  // Who is away must wait; who is there must not notice.
  if (now() - quiet_since_ < kLostMax) Disturbed(full_until_);
  for (ClientSeat& seat : seats_) {
    if (now() - seat.quiet_since() < kLostMax) Disturbed(seat, full_until_);
  }
}

// Rarely, so that nobody is silent for as long as who is lost (engine/mux/liveness.h): it disturbs
// nobody.
void SessionWorld::Stall(engine::Socket connection, Duration time) {
  if (now() < stall_at_) return;
  const Instant until = now() + time;
  stall_at_ = until + seconds(15);
  sim_.network.Stall(connection, until);
  Delayed(until);
}

// Who loses a connection while the disk is full comes again when it is not.
void SessionWorld::Disturbed(Instant until) {
  if (RelayDisk::is_full()) until = std::max(until, full_until_);
  quiet_since_ = std::max(quiet_since_, until);
}

void SessionWorld::Disturbed(ClientSeat& seat, Instant until) {
  seat.Disturbed(RelayDisk::is_full() ? std::max(until, full_until_) : until);
}

Instant SessionWorld::QuietSince(const ClientSeat& seat) const {
  return std::max(quiet_since_, seat.quiet_since());
}

Instant SessionWorld::QuietSince() const {
  Instant since = quiet_since_;
  for (const ClientSeat& seat : seats_) since = std::max(since, seat.quiet_since());
  return since;
}

void SessionWorld::EndDueTroubles() {
  std::erase_if(held_, [&](const Held& held) {
    return held.until <= sim_.now || held.process->is_leaving();
  });
  for (size_t machine = kOperator; machine <= kNodeHost; ++machine) {
    if (clock_until_[machine] == Instant{} || sim_.now < clock_until_[machine]) continue;
    MachineClock::Set(static_cast<Machine>(machine), Duration::zero());
    clock_until_[machine] = {};
  }
  if (!RelayDisk::is_full() || sim_.now < full_until_) return;
  RelayDisk::SetFull(false);
  witness_.DiskWorks(sim_.now);
  if (ServedBytes() > bytes_before_full_) witness_.Applied(Rule::kFullGoesOn);
}

// ---------------------------------------------------------------------- running

void SessionWorld::RunOnce() {
  Instant next = std::min({trouble_at_, flow_at_, crowd_at_, crowd_.again_at()});
  for (const Held& held : held_) next = std::min(next, held.until);
  for (const Instant until : clock_until_) {
    if (until != Instant{}) next = std::min(next, until);
  }
  if (RelayDisk::is_full()) next = std::min(next, full_until_);
  if (relay_ == nullptr) next = std::min(next, std::max(relay_at_, sim_.now + milliseconds(1)));
  if (!is_ending_) {
    if (agent_ == nullptr) next = std::min(next, std::max(agent_at_, sim_.now + milliseconds(1)));
    for (const ClientSeat& seat : seats_) {
      if (seat.client() != nullptr) continue;
      next = std::min(next, std::max(seat.start_at(), sim_.now + milliseconds(1)));
    }
  }
  for (const auto& process : processes_) next = std::min(next, process->NextAt());
  CHECK(next != Instant::max());  // Nothing would ever happen again.
  sim_.now = std::max(sim_.now, next);
  const size_t first = random_.Range(0, processes_.size() - 1);
  for (size_t i = 0; i < processes_.size(); ++i) {
    Process& process = *processes_[(first + i) % processes_.size()];
    if (process.NextAt() <= sim_.now) process.Step();
  }
  Revive();
  EndDueTroubles();  // Who has just been asked to stop may be over: it has its blocks back.
  std::erase_if(processes_, [this](const auto& process) {
    const bool is_over = process->is_leaving() && process->over();
    if (is_over) witness_.Applied(Rule::kLetGo);
    return is_over;
  });
  if (sim_.now >= flow_at_) StartFlows();
  if (sim_.now >= crowd_at_) LetCrowdIn();
  if (sim_.now >= crowd_.again_at()) crowd_.AskAgain(relay_);
  if (sim_.now >= trouble_at_) {
    const bool is_calm = sim_.now - Instant{} >= plan_.trouble_lasts;
    trouble_at_ =
        is_calm
            ? Instant::max()
            : sim_.now + Duration(static_cast<int64_t>(random_.Range(
                             1'000'000, static_cast<uint64_t>(plan_.trouble_pause_max.count()))));
    if (!is_calm) Disturb(*this, plan_);
  }
  log_.Poll(witness_, sim_.now);
  Check();
}

bool SessionWorld::RunUntil(const std::function<bool()>& done, Duration limit) {
  const Instant end = sim_.now + limit;
  while (!done()) {
    if (sim_.now >= end || !witness_.problem().empty()) return false;
    RunOnce();
  }
  return true;
}

void SessionWorld::StartFlows() {
  const auto apart = std::chrono::duration_cast<milliseconds>(plan_.trouble_lasts).count() * 2 /
                     static_cast<int64_t>(plan_.flow_count);
  flow_at_ = sim_.now + milliseconds(random_.Range(20, static_cast<uint64_t>(apart) + 20));
  const bool is_done = flows_started_ >= plan_.flow_count || witness_.is_withdrawn();
  if (is_done) flow_at_ = Instant::max();
  if (is_done) return;
  ClientSeat* seat = SomeSeat([](const ClientSeat& each) { return each.takes_flows(); });
  if (seat == nullptr) return;
  ++flows_started_;
  const auto size = [this] {
    return random_.Chance(40) ? random_.Range(0, 200) : random_.Range(0, 400'000);
  };
  const FlowPlan flow{.salt = random_.Next() >> 2,
                      .up_bytes = size(),
                      .down_bytes = size(),
                      .pause_us = random_.Chance(60) ? random_.Range(0, 400'000) : 0};
  seat->Carry(flow, *programs_, sim_.network);
}

bool SessionWorld::HasOpenSession() const {
  if (relay_ == nullptr) return true;
  const auto open = relay_->store().ListSessions({.over = false, .count_max = 1});
  CHECK(open.ok());
  return !open->empty();
}

std::string SessionWorld::WhoIsLeft() const {
  std::string text = ":";
  std::vector<relay::Session> sessions;
  if (relay_ != nullptr) {
    sessions = *relay_->store().ListSessions({.over = false, .count_max = 10});
  }
  for (const relay::Session& session : sessions) {
    text += " session " + session.id +
            (session.status == relay::SessionStatus::kConnected ? " is connected;"
                                                                : " is not connected;");
  }
  for (const auto& process : processes_) {
    text += " on machine " + std::to_string(process->machine()) +
            (process->is_dead() ? " a dead one with " : " one with ") +
            std::to_string(process->loop().in_flight_count()) + " ops;";
  }
  return text;
}

SessionResult SessionWorld::Run() {
  SessionResult result;
  const bool flowed = RunUntil([this] { return AreFlowsOver(); }, kRunMax);
  if (!flowed) witness_.Blame("the connections were not over in time");
  trouble_at_ = flow_at_ = Instant::max();
  held_.clear();
  CheckFlows(result);
  // Now all end in order, each when the others know of the end of the one before.
  const auto fail = [&](bool is_right, const std::string& text) {
    if (!is_right) witness_.Blame(text + WhoIsLeft());
    return is_right;
  };
  const Duration calm = kLostMax + milliseconds(random_.Range(0, 15'000));
  const auto is_calm = [&] {
    const bool is_crowded = crowd_at_ != Instant::max() || crowd_.is_there();
    return !is_crowded && sim_.now >= QuietSince() + calm;
  };
  bool goes_on = flowed && fail(RunUntil(is_calm, kRunMax), "it never became calm");
  is_ending_ = true;
  for (ClientSeat& seat : seats_) seat.Leave();
  goes_on = goes_on && fail(RunUntil([this] { return !IsLeaving(kOperator); }, seconds(60)),
                            "a client did not end");
  const bool is_told = !AnyForsaken();
  goes_on =
      goes_on && (!is_told || fail(RunUntil([this] { return !HasOpenSession(); }, seconds(90)),
                                   "all clients are gone, and a session is not over"));
  // Nor does a node hear of an end that a relay forgot when it ended itself.
  const bool is_forgotten = witness_.is_withdrawn() && ends_.has_happened(EndReasons::kRelayEnded);
  if (!is_told || is_forgotten) ends_.Happened(EndReasons::kAgentStopped);
  if (agent_ != nullptr) agent_->AskToStop();
  agent_ = nullptr;
  goes_on = goes_on && fail(RunUntil([this] { return !IsLeaving(kNodeHost); }, seconds(60)),
                            "the agent did not end");
  goes_on = goes_on && fail(RunUntil([this] { return !HasOpenSession(); }, seconds(90)),
                            "the agent is gone, and a session is not over");
  if (relay_ != nullptr) relay_->AskToStop();
  relay_ = nullptr;
  relay_at_ = Instant::max();
  std::exchange(programs_, nullptr)->AskToStop();
  std::exchange(server_, nullptr)->AskToStop();
  if (goes_on) {
    goes_on =
        fail(RunUntil([this] { return processes_.empty(); }, seconds(60)), "not everybody ended");
  }
  if (goes_on) CheckDisk();
  result.problem = witness_.problem();
  result.seconds =
      static_cast<uint32_t>(std::chrono::duration_cast<seconds>(sim_.now - Instant{}).count());
  result.applied = witness_.applied();
  result.resumed = witness_.resumed_count();
  result.sessions = witness_.sessions_started;
  result.troubles = troubles_;
  return result;
}

}  // namespace sim
