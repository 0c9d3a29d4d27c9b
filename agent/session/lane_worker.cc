#include "agent/session/lane_worker.h"

#include <string>
#include <utility>

#include "engine/base/check.h"

namespace agent {

class LaneWorker::Tenant final : public engine::WorkerLoop::Tenant {
 public:
  struct TheEnd {
    engine::CloseCode code;
    std::string text;
  };

  Tenant(LaneWorker& worker, engine::LoopDriver& driver, std::shared_ptr<TargetQuota> quota)
      : mailbox(driver.mailbox()),
        worker_(worker),
        context_{.loop = driver.loop(), .resolver = driver.resolver()},
        targets_(context_, std::move(quota)),
        host(driver, targets_) {}

  void Sweep() override {
    targets_.Sweep();
    const bool idle = targets_.count() == 0;
    if (worker_.idle_.load() != idle) worker_.idle_.store(idle);
    if (idle && worker_.is_awaited_.load()) {
      worker_.is_awaited_.store(false);
      worker_.home_.Wake();
    }
    host.Sweep();  // After that: whoever hears that a lane is over may look whether we are idle.
  }

  void OnEnd(std::unique_ptr<TheEnd> end) { targets_.EndAll(end->code, end->text); }

  engine::Mailbox& mailbox;

 private:
  LaneWorker& worker_;
  const TargetContext context_;
  TargetTable targets_;

 public:
  LaneHost host;
};

absl::StatusOr<std::unique_ptr<LaneWorker>> LaneWorker::Start(const engine::LoopOptions& options,
                                                              engine::Loop& home,
                                                              std::shared_ptr<TargetQuota> quota) {
  std::unique_ptr<LaneWorker> self(new LaneWorker(home));
  absl::StatusOr<std::unique_ptr<engine::WorkerLoop>> loop =
      engine::WorkerLoop::Start(options, [&](engine::LoopDriver& driver) {
        auto tenant = std::make_unique<Tenant>(*self, driver, quota);
        self->tenant_ = tenant.get();
        self->host_ = &tenant->host;
        driver.network().Start();
        return tenant;
      });
  if (!loop.ok()) return loop.status();
  self->loop_ = *std::move(loop);
  return self;
}

LaneWorker::~LaneWorker() { CHECK(idle()); }

void LaneWorker::EndTargets(engine::CloseCode code, std::string_view text) {
  auto end = std::make_unique<Tenant::TheEnd>(Tenant::TheEnd{code, std::string(text)});
  CHECK(tenant_->mailbox.Post<&Tenant::OnEnd>(tenant_, std::move(end)));
}

}  // namespace agent
