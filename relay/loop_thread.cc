#include "relay/loop_thread.h"

#include <algorithm>
#include <utility>

#include "engine/base/log.h"
#include "engine/platform/turns.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

namespace {

// How long one iteration waits when nothing happens; Wake ends it early.
constexpr engine::Duration kWaitMax = std::chrono::seconds(1);

}  // namespace

uint32_t LoopThread::CountOfCores() { return std::max(1u, std::thread::hardware_concurrency()); }

absl::StatusOr<std::unique_ptr<LoopThread>> LoopThread::Start(const engine::LoopOptions& options,
                                                              MakeSwitchboard make) {
  std::unique_ptr<LoopThread> self(new LoopThread);
  std::promise<absl::Status> started;
  std::future<absl::Status> result = started.get_future();
  self->thread_ = std::thread(
      [raw = self.get(), &options, &make, &started] { raw->Run(options, make, started); });
  const absl::Status status = result.get();
  if (!status.ok()) return status;
  return self;
}

LoopThread::~LoopThread() {
  AskToStop(engine::Duration::zero());
  Join();
}

void LoopThread::Run(const engine::LoopOptions& options, const MakeSwitchboard& make,
                     std::promise<absl::Status>& started) {
  engine::TakeShortTurns();
  absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::CreateLoop(options);
  if (!loop.ok()) {
    started.set_value(loop.status());
    return;
  }
  driver_ = std::make_unique<engine::LoopDriver>(*std::move(loop));
  switchboard_ = make(*driver_);
  started.set_value(absl::OkStatus());  // From here on `options`, `make` and `started` are gone.
  RunUntilStopped();
  {
    const std::lock_guard lock(mutex_);
    driver_->mailbox().Close();
  }
  // What came until then may be a connection or a lane, which has to end as well.
  driver_->mailbox().Deliver();
  RunKept();
  RunUntilStopped();
  switchboard_.reset();
}

void LoopThread::RunUntilStopped() {
  while (!switchboard_->stopped()) {
    driver_->RunOnce(kWaitMax);
    RunKept();
    const int64_t grace = stop_grace_ns_.load(std::memory_order_relaxed);
    if (grace >= 0) switchboard_->Stop(engine::Duration{grace});
  }
}

bool LoopThread::Post(Task task) {
  const std::lock_guard lock(mutex_);
  if (!kept_.empty()) return false;  // In order: behind those.
  return driver_->mailbox().Post<&LoopThread::RunTask>(this, std::move(task));
}

bool LoopThread::Tell(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (kept_.empty() && driver_->mailbox().Post<&LoopThread::RunTask>(this, std::move(task))) {
      return true;
    }
    if (driver_->mailbox().is_closed()) return false;
    if (kept_.size() < kKeptMax) {
      kept_.push_back(std::move(task));
      task = nullptr;
    }
  }
  if (task != nullptr) {
    engine::log::Write(engine::log::Level::kError, "loop_does_not_take_tasks");
    return false;
  }
  driver_->loop().Wake();
  return true;
}

void LoopThread::RunKept() {
  {
    const std::lock_guard lock(mutex_);
    if (kept_.empty()) return;
  }
  // The letters came before what is kept, and none is added while something is.
  driver_->mailbox().Deliver();
  std::deque<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(kept_);
  }
  for (const Task& task : tasks) task(*switchboard_);
}

void LoopThread::RunTask(Task task) { task(*switchboard_); }

void LoopThread::AskToStop(engine::Duration grace) {
  stop_grace_ns_.store(grace.count());
  if (driver_ != nullptr) driver_->loop().Wake();
}

void LoopThread::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace relay
