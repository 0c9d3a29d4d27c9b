// A loop on a thread of its own, for what should not wait behind the program's first loop.
//
//   the owner's thread                           the worker's thread
//   Start(options, make) --------------------->  the loop, and make(driver): the tenant
//   a letter to the tenant, by its mailbox --->  RunOnce, letters, Tenant::Sweep, and again
//   ~WorkerLoop ------------------------------>  the tenant is destroyed, the thread ends

#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"

namespace engine {

class WorkerLoop {
 public:
  // Tenant is what hangs on the loop: made, used and destroyed on its thread.
  class Tenant {
   public:
    virtual ~Tenant() = default;
    // Destroys what is over. Called after every iteration, with nothing of the tenant on the stack.
    virtual void Sweep() {}
  };

  using Make = std::function<std::unique_ptr<Tenant>(LoopDriver& driver)>;

  // CountFor is how many workers make sense beside the first loop of a program that uses `max`
  // loops at most: a core for each, and one worker in any case.
  static size_t CountFor(size_t max);

  // Start returns when the tenant is there, or with CreateLoop's reason why it cannot be. Signals
  // that the caller has blocked are blocked on the thread.
  static absl::StatusOr<std::unique_ptr<WorkerLoop>> Start(const LoopOptions& options,
                                                           const Make& make);
  // Requires: nothing of the tenant is in flight, and nobody posts any more.
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

 private:
  WorkerLoop() = default;
  void Run(const LoopOptions& options, const Make& make, std::promise<absl::Status>& started);

  std::unique_ptr<LoopDriver> driver_;  // The thread's own, but for Wake, until it has ended.
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace engine
