#include "agent/agent_commands.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <utility>

#include "agent/agent.h"
#include "agent/enrollment.h"
#include "agent/host_facts.h"
#include "agent/node_identity.h"
#include "agent/node_state.h"
#include "agent/process/spawn.h"
#include "engine/base/log.h"
#include "engine/base/version.h"
#include "engine/crypto/identity_key.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/signal_source.h"
#include "engine/platform/turns.h"
#include "engine/wire/invitation.h"

namespace agent {
namespace {

// What sessions may pin at a time: windows, outputs, and what the links themselves are receiving
// and sending, so that a link is heard however many targets have stopped reading. It is address
// space; memory is used as far as data waits.
constexpr uint16_t kBlocksMax = 65'200;  // A loop takes 65,535, with those the kernel is lent.
constexpr size_t kHeldMax = size_t{RelayLink::kWindowBytesSumMax} + WindowBudget::kSumMax +
                            WindowBudget::kReserveMax + WindowBudget::kKeptSumMax +
                            TargetQuota::kTargetsMax * size_t{kStreamOutputMax};
constexpr size_t kLinksMin = 64 * 1024 * 1024;
static_assert(kHeldMax + kLinksMin <= kBlocksMax * size_t{engine::LoopOptions().block_size});
// Enrolment is one call.
constexpr uint16_t kBlocksOfOneCall = 64;
constexpr std::initializer_list<int> kInterrupting = {SIGINT, SIGTERM, SIGHUP};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "adit-agent: %s\n", std::string(status.message()).c_str());
  return kExitFailed;
}

// ReadLine reads up to the first line end, or the end of the input. What is longer than an
// invitation is cut, and found to be wrong by who parses it.
std::string ReadLine(int input) {
  std::string line;
  char byte = 0;
  while (line.size() <= engine::kInvitationSizeMax) {
    const ssize_t size = ::read(input, &byte, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    if (byte == '\n') {
      if (line.find_first_not_of(" \t\r") != std::string::npos) break;
      line.clear();  // An empty line before it.
      continue;
    }
    line += byte;
  }
  return line;
}

absl::Status CheckNotEnrolled(const AgentConfig& config) {
  if (config.replace) return absl::OkStatus();
  const absl::StatusOr<NodeState> state = LoadNodeState(config.state_folder);
  if (absl::IsNotFound(state.status())) return absl::OkStatus();
  if (!state.ok()) return state.status();
  return absl::AlreadyExistsError("this machine is already the node " + state->node_id + " (" +
                                  state->name + ") of the relay " +
                                  engine::FormatHostPort(state->relay) +
                                  ". Start it with: adit-agent run --state " + config.state_folder +
                                  "; or give that identity up and enrol anew with --replace");
}

// ClaimStateFolder makes sure that this machine may be enrolled into the state folder. It is ours
// as long as the descriptor lives.
absl::StatusOr<Descriptor> ClaimStateFolder(const AgentConfig& config, MadeFolders& made) {
  if (absl::Status status = PrepareStateFolder(config.state_folder, made); !status.ok()) {
    return status;
  }
  absl::StatusOr<Descriptor> lock = LockStateFolder(config.state_folder);
  if (!lock.ok()) return lock.status();
  if (absl::Status status = CheckNotEnrolled(config); !status.ok()) return status;
  return lock;
}

// HasServiceManager is true where systemd runs the machine: in a container, mostly, it does not.
bool HasServiceManager() { return ::access("/run/systemd/system", F_OK) == 0; }

absl::StatusOr<NodeState> LoadEnrolled(const AgentConfig& config) {
  absl::StatusOr<NodeState> state = LoadNodeState(config.state_folder);
  if (!absl::IsNotFound(state.status())) return state;
  return absl::NotFoundError(
      "this machine is not enrolled: there is no node.json in " + config.state_folder +
      ". Ask the relay's administrator for an adit-enroll line, then run: adit-agent enroll "
      "--state " +
      config.state_folder);
}

absl::StatusOr<std::string> FingerprintOf(const AgentConfig& config, NodeState& state) {
  const absl::StatusOr<engine::crypto::IdentityKey> identity =
      IdentityOf(config.state_folder, state);
  if (!identity.ok()) return identity.status();
  return engine::crypto::IdentityFingerprint(identity->public_key());
}

absl::StatusOr<std::unique_ptr<engine::LoopDriver>> MakeDriver(const AgentConfig& config,
                                                               uint16_t block_count) {
  engine::LoopOptions options;
  options.io = config.io;
  options.block_count = block_count;
  absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::CreateLoop(options);
  if (!loop.ok()) return loop.status();
  engine::TakeShortTurns();
  return std::make_unique<engine::LoopDriver>(std::move(*loop));
}

// Interruption is a signal that ends an enrolment, after what was made for it is gone. Make it
// before that.
class Interruption final : private engine::SignalSource::Events {
 public:
  // EnrollBy is Enroll until there is a signal: then that is Canceled.
  absl::StatusOr<NodeState> EnrollBy(engine::LoopDriver& driver,
                                     const engine::EnrollInvitation& invitation,
                                     const EnrollmentFacts& facts) {
    signals_.Start(driver.loop(), *this);
    absl::StatusOr<NodeState> state = Enroll(driver, invitation, facts, is_interrupted_);
    signals_.Stop();
    while (!signals_.joined()) driver.RunOnce(std::chrono::seconds(1));
    if (state.ok() || !is_interrupted_) return state;  // It was faster.
    return absl::CancelledError(
        "interrupted, and nothing new is kept here. If the relay has taken the activation already, "
        "ask "
        "for a new one");
  }
  int signal() const { return signal_; }

 private:
  void OnSignal(int signal) override {
    signal_ = signal;
    is_interrupted_ = true;
  }

  engine::SignalSource signals_{kInterrupting};
  bool is_interrupted_ = false;
  int signal_ = 0;
};

// EnrollInto enrols this machine. What was made for it is gone when that fails.
absl::StatusOr<NodeState> EnrollInto(const AgentConfig& config,
                                     const engine::EnrollInvitation& invitation,
                                     Interruption& interruption) {
  MadeFolders made;
  const absl::StatusOr<Descriptor> claim = ClaimStateFolder(config, made);
  if (!claim.ok()) return claim.status();
  const absl::StatusOr<std::unique_ptr<engine::LoopDriver>> driver =
      MakeDriver(config, kBlocksOfOneCall);
  if (!driver.ok()) return driver.status();
  const EnrollmentFacts facts{config.name, HostName(), Platform(), engine::kVersion};
  absl::StatusOr<NodeState> state = interruption.EnrollBy(**driver, invitation, facts);
  if (!state.ok()) return state;
  const absl::Status saved = SaveNodeState(config.state_folder, *state);
  if (!saved.ok()) return saved;
  made.Keep();
  return state;
}

}  // namespace

int RunEnroll(const AgentConfig& config, int input) {
  engine::log::SetLevel(engine::log::Level::kWarning);  // A person reads this stderr.
  {
    // What stands in the way is said before a line is pasted, and until then nothing is kept.
    const engine::SignalSource held(kInterrupting);
    MadeFolders tried;
    const absl::StatusOr<Descriptor> claim = ClaimStateFolder(config, tried);
    if (!claim.ok()) return Fail(claim.status());
  }
  if (::isatty(input) == 1) {
    std::fputs("Paste the line that begins with adit-enroll, then press Enter:\n", stderr);
  }
  const absl::StatusOr<engine::EnrollInvitation> invitation =
      engine::ParseEnrollInvitation(ReadLine(input));
  if (!invitation.ok()) return Fail(invitation.status());
  Interruption interruption;
  absl::StatusOr<NodeState> state = EnrollInto(config, *invitation, interruption);
  if (absl::IsCancelled(state.status())) {
    Fail(state.status());
    engine::DieBySignal(interruption.signal());
  }
  if (!state.ok()) return Fail(state.status());
  const absl::StatusOr<std::string> fingerprint = FingerprintOf(config, *state);
  if (!fingerprint.ok()) return Fail(fingerprint.status());
  const bool is_for_service = config.state_folder == kServiceStateFolder && HasServiceManager();
  std::printf(
      "This machine is now the node %s (%s) of the relay %s.\n"
      "Its keys are in %s and never leave this machine.\n"
      "Its fingerprint, which a client shows at its first contact with this node, is\n"
      "  %s\n"
      "Next: start the agent with\n"
      "%s  adit-agent run --state %s\n",
      state->node_id.c_str(), state->name.c_str(), engine::FormatHostPort(state->relay).c_str(),
      config.state_folder.c_str(), fingerprint->c_str(),
      is_for_service ? "  sudo systemctl enable --now adit-agent      or, without a service:\n"
                     : "",
      config.state_folder.c_str());
  std::fflush(stdout);  // A signal that waits for the end of the interruption ends this process.
  return kExitDone;
}

int RunFingerprint(const AgentConfig& config) {
  engine::log::SetLevel(engine::log::Level::kWarning);
  absl::StatusOr<NodeState> state = LoadEnrolled(config);
  if (!state.ok()) return Fail(state.status());
  absl::StatusOr<Descriptor> lock = Descriptor();
  if (state->identity_seed.empty()) {
    lock = LockStateFolder(config.state_folder);
    if (absl::IsAlreadyExists(lock.status())) {
      return Fail(absl::FailedPreconditionError(
          "this node has no identity yet, since it was enrolled by an older version. Restart its "
          "agent, which makes one, and ask again"));
    }
    if (!lock.ok()) return Fail(lock.status());
    state = LoadEnrolled(config);  // Nobody else changes it any more.
    if (!state.ok()) return Fail(state.status());
  }
  const absl::StatusOr<std::string> fingerprint = FingerprintOf(config, *state);
  if (!fingerprint.ok()) return Fail(fingerprint.status());
  std::printf("%s\n", fingerprint->c_str());
  return kExitDone;
}

int RunAgent(const AgentConfig& config, const InheritedEnvironment& inherited,
             const Environment& environment, std::optional<Predecessor> predecessor) {
  absl::StatusOr<NodeState> state = LoadEnrolled(config);
  if (!state.ok()) return Fail(state.status());
  const absl::StatusOr<Descriptor> lock =
      predecessor.has_value() ? std::move(predecessor->lock) : LockStateFolder(config.state_folder);
  if (!lock.ok()) return Fail(lock.status());
  state = LoadEnrolled(config);  // Nobody else changes it any more.
  if (!state.ok()) return Fail(state.status());
  // Makes one, where the state is of a version that knew none.
  const absl::Status identity = IdentityOf(config.state_folder, *state).status();
  if (!identity.ok()) return Fail(identity);
  RaiseOwnDescriptorLimit();
  const absl::StatusOr<std::unique_ptr<engine::LoopDriver>> driver = MakeDriver(config, kBlocksMax);
  if (!driver.ok()) return Fail(driver.status());
  AgentOptions options;
  options.state_folder = config.state_folder;
  options.version = engine::kVersion;
  options.notify_socket = environment("NOTIFY_SOCKET").value_or("");
  options.uid = ::geteuid();
  options.inherited = inherited;
  options.state_lock = lock->value();
  if (predecessor.has_value()) options.predecessor = std::move(predecessor->socket);
  options.workers = engine::WorkerLoop::CountFor(engine::kLanesMax);
  options.worker_loop = {.io = config.io, .block_count = kBlocksMax, .is_logged = false};
  absl::StatusOr<std::optional<KeyServiceOptions>> key_service = KeyServiceFrom(environment);
  if (!key_service.ok()) return Fail(key_service.status());
  options.key_service = *std::move(key_service);
  absl::StatusOr<std::unique_ptr<Agent>> agent =
      Agent::Create(**driver, std::move(*state), std::move(options));
  if (!agent.ok()) return Fail(agent.status());
  (*driver)->network().Start();
  const absl::Status ended = (*agent)->Run();
  if (ended.ok()) return kExitDone;
  // Something is still in flight: nothing may be destroyed any more, only the process can end.
  std::fprintf(stderr, "adit-agent: stopped all the same: %s\n",
               std::string(ended.message()).c_str());
  ::_exit(kExitFailed);
}

}  // namespace agent
