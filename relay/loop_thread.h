#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"
#include "relay/loop_port.h"

namespace relay {

// LoopThread runs one loop and the switchboard on it, on a thread of its own. Everything that hangs
// on the loop is made, used and destroyed on that thread; others reach it by Post.
class LoopThread final : public LoopPort {
 public:
  using MakeSwitchboard = std::function<std::unique_ptr<Switchboard>(engine::LoopDriver&)>;

  // CountOfCores is how many such threads this machine can run at the same time; at least 1.
  static uint32_t CountOfCores();

  // Start returns when the loop runs, or with the reason why it cannot.
  static absl::StatusOr<std::unique_ptr<LoopThread>> Start(const engine::LoopOptions& options,
                                                           MakeSwitchboard make);
  ~LoopThread();  // Stops at once, if that was not done.
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // Tasks that Tell keeps beyond the mailbox. Requests, sessions and links that wait for an answer
  // or their end are fewer; a loop with so many does not run any more.
  static constexpr size_t kKeptMax = 64 * 1024;

  bool Post(Task task) override;
  // With kKeptMax kept tasks it takes no more.
  bool Tell(Task task) override;

  // AskToStop lets the links say goodbye within `grace`; Join waits for the end. Nothing is taken
  // by Post and Tell after that. The object must live until nobody posts any more.
  void AskToStop(engine::Duration grace);
  void Join();

 private:
  LoopThread() = default;
  void Run(const engine::LoopOptions& options, const MakeSwitchboard& make,
           std::promise<absl::Status>& started);
  void RunUntilStopped();
  void RunKept();
  void RunTask(Task task);

  std::unique_ptr<engine::LoopDriver> driver_;  // The thread's own, but for its mailbox.
  std::unique_ptr<Switchboard> switchboard_;    // The thread's own.
  std::atomic<int64_t> stop_grace_ns_{-1};      // Negative: go on.
  std::mutex mutex_;
  std::deque<Task> kept_;  // Under mutex_. While there are some, the mailbox takes no more.
  std::thread thread_;
};

}  // namespace relay
