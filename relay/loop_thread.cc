#include "relay/loop_thread.h"

#include <utility>

#include "relay/switchboard/switchboard.h"

namespace relay {

namespace {

// How long one iteration waits when nothing happens; Wake ends it early.
constexpr engine::Duration kWaitMax = std::chrono::seconds(1);

}  // namespace

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

LoopThread::~LoopThread() { Stop(engine::Duration::zero()); }

void LoopThread::Run(const engine::LoopOptions& options, const MakeSwitchboard& make,
                     std::promise<absl::Status>& started) {
  absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::CreateLoop(options);
  if (!loop.ok()) {
    started.set_value(loop.status());
    return;
  }
  driver_ = std::make_unique<engine::LoopDriver>(*std::move(loop));
  switchboard_ = make(*driver_);
  started.set_value(absl::OkStatus());  // From here on `options`, `make` and `started` are gone.
  while (!switchboard_->stopped()) driver_->RunOnce(kWaitMax);
  driver_->mailbox().Close();
  driver_->mailbox().Deliver();
  switchboard_.reset();
}

bool LoopThread::Post(std::function<void(Switchboard&)> task) {
  return driver_->mailbox().Post<&LoopThread::RunTask>(this, std::move(task));
}

void LoopThread::RunTask(std::function<void(Switchboard&)> task) { task(*switchboard_); }

void LoopThread::Stop(engine::Duration grace) {
  if (!thread_.joinable()) return;
  static_cast<void>(Post([grace](Switchboard& switchboard) { switchboard.Stop(grace); }));
  thread_.join();
}

}  // namespace relay
