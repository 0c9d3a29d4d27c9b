#include "engine/net/worker_loop.h"

#include <algorithm>
#include <utility>

#include "engine/platform/turns.h"

namespace engine {
namespace {

// How long one iteration waits when nothing happens; Wake ends it early.
constexpr Duration kWaitMax = std::chrono::minutes(1);

}  // namespace

size_t WorkerLoop::CountFor(size_t max) {
  const size_t cores = std::max(2U, std::thread::hardware_concurrency());
  return std::min(cores, max) - 1;
}

absl::StatusOr<std::unique_ptr<WorkerLoop>> WorkerLoop::Start(const LoopOptions& options,
                                                              const Make& make) {
  std::unique_ptr<WorkerLoop> self(new WorkerLoop);
  std::promise<absl::Status> started;
  std::future<absl::Status> result = started.get_future();
  self->thread_ = std::thread(
      [raw = self.get(), &options, &make, &started] { raw->Run(options, make, started); });
  const absl::Status status = result.get();
  if (!status.ok()) return status;
  return self;
}

WorkerLoop::~WorkerLoop() {
  stopping_.store(true);
  if (driver_ != nullptr) driver_->loop().Wake();
  thread_.join();
}

void WorkerLoop::Run(const LoopOptions& options, const Make& make,
                     std::promise<absl::Status>& started) {
  TakeShortTurns();
  absl::StatusOr<std::unique_ptr<Loop>> loop = CreateLoop(options);
  if (!loop.ok()) {
    started.set_value(loop.status());
    return;
  }
  driver_ = std::make_unique<LoopDriver>(*std::move(loop));
  const std::unique_ptr<Tenant> tenant = make(*driver_);
  started.set_value(absl::OkStatus());  // From here on `options`, `make` and `started` are gone.
  while (!stopping_.load()) {
    driver_->RunOnce(kWaitMax);
    tenant->Sweep();
  }
  driver_->network().Stop();
}

}  // namespace engine
