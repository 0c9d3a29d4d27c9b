#include "tests/sim/seed_run.h"

#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "engine/base/check.h"
#include "engine/platform/signal_receiver.h"
#include "tests/sim/steady_random.h"

namespace sim {
namespace {

constexpr char kPlay[] = "--play";
constexpr int kLeaks = 23;  // The exit of a seed whose process has lost memory.

struct Written {
  SeedCounts counts;
  std::array<char, 600> problem{};
};

// LastWords is the end of what the child said, such as the CHECK that stopped it.
std::string LastWords(int log) {
  const off_t size = ::lseek(log, 0, SEEK_END);
  std::string text(static_cast<size_t>(std::min<off_t>(size, 400)), '\0');
  const ssize_t read =
      ::pread(log, text.data(), text.size(), size - static_cast<off_t>(text.size()));
  text.resize(static_cast<size_t>(std::max<ssize_t>(read, 0)));
  return text;
}

int NewFile(const char* name) {
  const int descriptor = ::memfd_create(name, 0);
  CHECK(descriptor >= 0);
  return descriptor;
}

// NewFolder is in memory where the system has such a folder.
std::string NewFolder() {
  const bool has_memory = std::filesystem::is_directory("/dev/shm");
  std::string name = (has_memory ? "/dev/shm" : "/tmp") + std::string("/adit-sim-XXXXXX");
  CHECK(::mkdtemp(name.data()) != nullptr);
  return name;
}

[[noreturn]] void Play(const SeedPlay& play) {
  std::array<std::string, 8> texts = {"sim_swarm",
                                      kPlay,
                                      play.world,
                                      std::to_string(play.seed),
                                      std::to_string(play.log),
                                      std::to_string(play.result),
                                      play.folder,
                                      std::to_string(play.trace)};
  std::array<char*, texts.size() + 1> arguments{};
  std::ranges::transform(texts, arguments.begin(), [](std::string& text) { return text.data(); });
  ::personality(ADDR_NO_RANDOMIZE);
  HideProcessorsRandomness();
  ::execv("/proc/self/exe", arguments.data());
  ::_exit(127);
}

}  // namespace

void SeedCounts::Add(const SeedCounts& more) {
  whole += more.whole;
  broken += more.broken;
  bytes += more.bytes;
  resumed += more.resumed;
  seconds += more.seconds;
  for (size_t i = 0; i < kTroubleCount; ++i) troubles[i] += more.troubles[i];
  for (size_t i = 0; i < kRuleCount; ++i) applied[i] += more.applied[i];
}

SeedOutcome RunSeed(const std::string& world, uint64_t seed, bool has_trace) {
  SeedPlay play{.world = world,
                .seed = seed,
                .log = NewFile("log"),
                .result = NewFile("result"),
                .folder = NewFolder(),
                .trace = has_trace ? ::dup(STDERR_FILENO) : -1};
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) Play(play);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  Written written;
  const bool is_written =
      ::pread(play.result, &written, sizeof written, 0) == static_cast<ssize_t>(sizeof written);
  SeedOutcome outcome{.problem = written.problem.data(), .counts = written.counts};
  if (!is_written) {
    outcome.problem = std::string("it was ended by ") + strsignal(WTERMSIG(status)) +
                      ", after these words: " + LastWords(play.log);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kLeaks) {
    outcome.problem = "memory was lost: " + LastWords(play.log);
  }
  std::filesystem::remove_all(play.folder);
  ::close(play.log);
  ::close(play.result);
  if (has_trace) ::close(play.trace);
  return outcome;
}

bool ReadSeedPlay(int argc, char** argv, SeedPlay& play) {
  if (argc != 8 || std::string_view(argv[1]) != kPlay) return false;
  play = {.world = argv[2],
          .seed = std::strtoull(argv[3], nullptr, 10),
          .log = std::atoi(argv[4]),
          .result = std::atoi(argv[5]),
          .folder = argv[6],
          .trace = std::atoi(argv[7])};
  const rlimit time{.rlim_cur = kSeedSecondsMax, .rlim_max = kSeedSecondsMax + 1};
  CHECK(::setrlimit(RLIMIT_CPU, &time) == 0);
  ::alarm(10 * kSeedSecondsMax);  // One that hangs without CPU time; others share the processors.
  ::dup2(play.log, STDERR_FILENO);
  SetSteadyRandom(play.seed);
  // What the world raises, and agents read.
  engine::SignalReceiver::Block({SIGTERM, SIGUSR2, SIGCHLD});
  return true;
}

void Leave(const SeedPlay& play, const SeedOutcome& outcome) {
  Written written{.counts = outcome.counts};
  outcome.problem.copy(written.problem.data(), written.problem.size() - 1);
  const bool is_written =
      ::pwrite(play.result, &written, sizeof written, 0) == static_cast<ssize_t>(sizeof written);
#if defined(__SANITIZE_ADDRESS__)
  // A world that held was taken down, and must have left nothing behind.
  if (outcome.problem.empty() && __lsan_do_recoverable_leak_check() != 0) ::_exit(kLeaks);
#endif
  ::_exit(is_written ? 0 : 1);
}

}  // namespace sim
