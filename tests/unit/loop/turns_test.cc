// Goal: a loop's thread has the shortest turns, and nothing that it starts has them; a thread may
// have the longest. Method: the kernel is asked for what it keeps of each; one that knows no turns
// of a thread (before Linux 6.12) says 0, and then that is what everybody must have.

#include "engine/platform/turns.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <thread>

#include "engine/net/worker_loop.h"

namespace engine {
namespace {

// Attributes is struct sched_attr of sched_setattr(2) in its first form. The kernel's header cannot
// be had beside <thread>: both define sched_param.
struct Attributes {
  uint32_t size = sizeof(Attributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(Attributes) == 48);  // SCHED_ATTR_SIZE_VER0

// TurnNs is the length of the calling thread's turns in nanoseconds, or 0.
uint64_t TurnNs() {
  Attributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return 0;
  return attributes.runtime;
}

// InChild runs `is_right` in a child process, as a program that is started would run.
template <typename Check>
bool InChild(const Check& is_right) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(is_right() ? 0 : 1);
  if (child < 0) return false;
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class TurnsTest : public testing::Test {
 protected:
  // What a thread has that asked for nothing.
  const uint64_t usual_ = TurnNs();
  const uint64_t short_ = usual_ == 0 ? 0 : 100'000;
};

TEST_F(TurnsTest, TheThreadThatAsksHasThemAlone) {
  std::thread([this] {
    EXPECT_EQ(TurnNs(), usual_);
    TakeShortTurns();
    EXPECT_EQ(TurnNs(), short_);
    TakeShortTurns();  // Once more changes nothing.
    EXPECT_EQ(TurnNs(), short_);
    std::thread([this] { EXPECT_EQ(TurnNs(), usual_); }).join();
    EXPECT_TRUE(InChild([this] { return TurnNs() == usual_; }));
  }).join();
  EXPECT_EQ(TurnNs(), usual_);
}

TEST_F(TurnsTest, AThreadMayHaveTheLongest) {
  std::thread([this] {
    TakeLongTurns();
    EXPECT_EQ(TurnNs(), usual_ == 0 ? 0 : 100'000'000);
    EXPECT_TRUE(InChild([this] { return TurnNs() == usual_; }));
  }).join();
}

TEST_F(TurnsTest, NicenessStaysAndIsInherited) {
  std::thread([] {
    ASSERT_EQ(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 5), 0);
    TakeShortTurns();
    EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), 5);
    EXPECT_TRUE(InChild([] { return ::getpriority(PRIO_PROCESS, 0) == 5; }));
  }).join();
}

TEST_F(TurnsTest, AThreadWithALoopHasThemAndItsMakerHasNot) {
  const auto worker =
      WorkerLoop::Start({.block_count = 4, .is_logged = false}, [this](LoopDriver&) {
        EXPECT_EQ(TurnNs(), short_);
        return std::make_unique<WorkerLoop::Tenant>();
      });
  ASSERT_TRUE(worker.ok()) << worker.status();
  EXPECT_EQ(TurnNs(), usual_);
}

}  // namespace
}  // namespace engine
