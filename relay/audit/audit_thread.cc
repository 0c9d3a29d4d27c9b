#include "relay/audit/audit_thread.h"

#include <chrono>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/platform/turns.h"
#include "engine/platform/wall_clock.h"

namespace relay {
namespace {

// How long after a failure it is tried again, and how often it is looked whether a digest is due.
constexpr std::chrono::seconds kPause(1);

}  // namespace

AuditThread::AuditThread(std::unique_ptr<ChainFiles> files)
    : files_(std::move(files)), progress_{files_->last(), true, {}}, thread_([this] { Run(); }) {}

AuditThread::~AuditThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

AuditThread::Progress AuditThread::progress() {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void AuditThread::Give(std::vector<AuditEvent> batch) {
  {
    const std::lock_guard lock(mutex_);
    CHECK(progress_.is_idle);
    batch_ = std::move(batch);
    progress_.is_idle = false;
    progress_.status = absl::OkStatus();
  }
  changed_.notify_all();
}

void AuditThread::WaitIdle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return progress_.is_idle || !progress_.status.ok(); });
}

void AuditThread::Try(const std::vector<AuditEvent>& batch) {
  const int64_t now = engine::UnixNowMs();
  absl::Status status = files_->Append(batch, now);
  const bool is_written = status.ok();
  if (is_written) status = files_->SignDue(now);
  if (!status.ok()) {
    engine::log::Write(
        engine::log::Level::kError, "audit_write_failed",
        {{"why", std::string(status.message())}, {"what_now", "it is tried again each second"}});
  }
  const std::lock_guard lock(mutex_);
  progress_.status = std::move(status);
  progress_.last = files_->last();
  if (!is_written || batch.empty()) return;
  batch_.clear();
  progress_.is_idle = true;
}

void AuditThread::Run() {
  engine::TakeLongTurns();
  std::unique_lock lock(mutex_);
  for (;;) {
    // Nobody else touches a batch that was given.
    const bool again = !batch_.empty() && !progress_.status.ok();
    changed_.wait_for(lock, kPause, [&] { return ending_ || (!again && !batch_.empty()); });
    const bool last_time = ending_;
    // Without one, the next batch may be given while this thread signs.
    const bool has_batch = !batch_.empty();
    lock.unlock();
    static const std::vector<AuditEvent> kNothing;
    Try(has_batch ? batch_ : kNothing);
    if (last_time) files_->Sign(engine::UnixNowMs()).IgnoreError();
    changed_.notify_all();
    if (last_time) return;
    lock.lock();
  }
}

}  // namespace relay
