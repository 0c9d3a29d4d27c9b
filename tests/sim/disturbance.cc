#include "tests/sim/disturbance.h"

#include <chrono>
#include <vector>

#include "engine/base/log.h"
#include "tests/sim/session_world.h"
#include "tests/sim/world_keys.h"

namespace sim {
namespace {

using Death = engine::sim::SimNetwork::Death;

engine::Duration Some(engine::Random& random, int most_ms) {
  return std::chrono::milliseconds(random.Range(1, static_cast<uint64_t>(most_ms)));
}

Death SomeDeath(engine::Random& random) {
  return random.Chance(30) ? Death::kPowerLoss : Death::kCrash;
}

Process* SomeProcess(SessionWorld& world) {
  switch (world.luck().Range(0, 2)) {
    case 0:
      return world.relay();
    case 1:
      return world.agent();
    default:
      return world.client();
  }
}

// SomeConnection is between two machines; invalid: there is none.
engine::Socket SomeConnection(SessionWorld& world) {
  const std::vector<engine::Socket> all = world.network().FarConnections();
  return all.empty() ? engine::Socket{} : all[world.luck().Range(0, all.size() - 1)];
}

void Break(SessionWorld& world, bool is_told) {
  const engine::Socket socket = SomeConnection(world);
  if (!socket.valid()) return;
  is_told ? world.network().Break(socket, world.now()) : world.network().Vanish(socket);
  world.Disturbed(world.now());
}

// As long as TCP needs that repeats itself a few times.
void StallOne(SessionWorld& world) {
  const engine::Socket socket = SomeConnection(world);
  if (socket.valid()) world.Stall(socket, Some(world.luck(), 3'000));
}

void Cut(SessionWorld& world) {
  const engine::Instant until = world.now() + Some(world.luck(), 40'000);
  world.network().Cut(kRelayHost, world.luck().Chance(50) ? kOperator : kNodeHost, until);
  world.Delayed(until);
  world.Disturbed(until);
}

void PauseOne(SessionWorld& world) {
  Process* process = SomeProcess(world);
  if (process == nullptr || process->is_leaving()) return;
  const engine::Instant until =
      world.now() + Some(world.luck(), world.luck().Chance(25) ? 120'000 : 10'000);
  process->Pause(until);
  world.Delayed(until);
  world.Disturbed(until);
}

// What comes again within this time is the one whose bytes are late, by at most that.
constexpr engine::Duration kLateWithin = std::chrono::seconds(10);
constexpr engine::Duration kLateMax = std::chrono::seconds(8);

// Who comes again is broken off at the client's end and stands still at the node's, so that what it
// has said there comes behind what its successor says.
void MakeLate(SessionWorld& world) {
  if (world.relay() == nullptr) return;
  Break(world, true);
  world.relay()->MakeLate(kLateWithin, kLateMax);
  world.Delayed(world.now() + kLateWithin + kLateMax);
  world.Disturbed(world.now() + kLateWithin + kLateMax);
}

void SetClock(SessionWorld& world) {
  engine::Random& random = world.luck();
  const auto machine = static_cast<Machine>(random.Range(kOperator, kNodeHost));
  const engine::Duration ahead = random.Chance(60) ? std::chrono::minutes(random.Range(1, 20 * 60))
                                                   : -std::chrono::milliseconds(kWorldStartMs);
  world.SetClock(machine, ahead, Some(random, 60'000));
}

void TakeSockets(SessionWorld& world) {
  // Not of the agent: there a connection that finds none is refused, and rightly so.
  Process* process = world.relay();
  if (world.luck().Chance(50)) process = world.client();
  if (process == nullptr || process->is_leaving()) return;
  const engine::Instant until = world.now() + Some(world.luck(), 10'000);
  process->RunDry(until);
  world.Disturbed(until);
}

void TakeBlocks(SessionWorld& world) {
  Process* process = SomeProcess(world);
  if (process == nullptr || process->is_leaving()) return;
  world.HoldBlocks(*process, world.luck().Range(0, 40), Some(world.luck(), 5'000));
}

void Do(SessionWorld& world, Trouble trouble) {
  engine::Random& random = world.luck();
  switch (trouble) {
    case Trouble::kReset:
      return Break(world, true);
    case Trouble::kHalfOpen:
      return Break(world, false);
    case Trouble::kCut:
      return Cut(world);
    case Trouble::kRelayKilled:
      return world.KillRelay(SomeDeath(random), Some(random, 10'000));
    case Trouble::kRelayStopped:
      return world.StopRelay(Some(random, 10'000));
    case Trouble::kPause:
      return PauseOne(world);
    case Trouble::kSlowDesk: {
      const engine::Instant until = world.now() + Some(random, 4'000);
      if (world.relay() != nullptr) world.relay()->SlowDown(until);
      world.Delayed(until);
      return world.Disturbed(until);
    }
    case Trouble::kNoBlocks:
      return TakeBlocks(world);
    case Trouble::kReplay:
      return world.Replay();
    case Trouble::kClock:
      return SetClock(world);
    case Trouble::kFullDisk:
      return world.FillDisk(Some(random, 30'000));
    case Trouble::kNoSockets:
      return TakeSockets(world);
    case Trouble::kBusyDesk:
      if (world.relay() != nullptr) world.relay()->BeBusy(Some(random, 5'000));
      return;
    case Trouble::kStall:
      return StallOne(world);
    case Trouble::kLateBytes:
      return MakeLate(world);
    case Trouble::kAgentKilled:
      return world.EndAgent(false, SomeDeath(random), Some(random, 10'000));
    case Trouble::kAgentStopped:
      return world.EndAgent(true, Death::kCrash, Some(random, 10'000));
    case Trouble::kClientKilled:
      return world.KillClient(Some(random, 5'000));
    case Trouble::kWithdrawal:
      return random.Chance(50) ? world.WithdrawPermission() : void();
    case Trouble::kManyLanes:
      return world.AskForLanes();
    case Trouble::kCrowd:
      return world.AskForSessions();
  }
}

}  // namespace

void Disturb(SessionWorld& world, const WorldPlan& plan) {
  std::vector<Trouble> all;
  for (size_t i = 0; i < kTroubleCount; ++i) {
    if (plan.troubles[i]) all.push_back(static_cast<Trouble>(i));
  }
  if (all.empty()) return;
  const Trouble trouble = all[world.luck().Range(0, all.size() - 1)];
  engine::log::Write(engine::log::Level::kInfo, "trouble", {{"what", NameOf(trouble)}});
  world.CountTrouble(trouble);
  Do(world, trouble);
}

}  // namespace sim
