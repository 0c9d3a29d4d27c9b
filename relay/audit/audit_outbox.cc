#include "relay/audit/audit_outbox.h"

#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "relay/audit/audit_thread.h"
#include "relay/store/store.h"

namespace relay {

using engine::log::Level;

namespace {

// That a store is down is said once, by who owns it.
void LogFailure(const Store& store, const absl::Status& status) {
  if (store.is_down()) return;
  engine::log::Write(Level::kError, "store_failed",
                     {{"at", "audit_outbox"}, {"why", status.ToString()}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditOutbox>> AuditOutbox::Open(Store& store,
                                                               const ChainFiles::Options& options) {
  return Open(store, options, [](std::unique_ptr<ChainFiles> files) {
    return std::make_unique<AuditThread>(std::move(files));
  });
}

absl::StatusOr<std::unique_ptr<AuditOutbox>> AuditOutbox::Open(Store& store,
                                                               const ChainFiles::Options& options,
                                                               const MakeWriter& make_writer) {
  const absl::StatusOr<AuditMark> mark = store.FindAuditMark();
  if (!mark.ok()) return mark.status();
  absl::StatusOr<std::unique_ptr<ChainFiles>> files = ChainFiles::Open(options, *mark);
  if (!files.ok()) return files.status();
  const absl::StatusOr<uint64_t> newest = store.LastAudit();
  if (!newest.ok()) return newest.status();
  const uint64_t chained = (*files)->last().sequence;
  if (*newest < chained) {
    // Numbers that stand in the files already are not given again.
    engine::log::Write(Level::kWarning, "audit_store_is_older",
                       {{"store", *newest}, {"files", chained}});
    if (absl::Status status = store.SkipAudit(chained); !status.ok()) return status;
  }
  std::unique_ptr<AuditOutbox> outbox(new AuditOutbox(store, make_writer(*std::move(files))));
  outbox->marked_ = *mark;
  outbox->Pump();
  return outbox;
}

AuditOutbox::AuditOutbox(Store& store, std::unique_ptr<AuditWriter> writer)
    : store_(store), writer_(std::move(writer)) {}

AuditOutbox::~AuditOutbox() {
  const absl::StatusOr<uint64_t> newest = store_.LastAudit();
  for (;;) {
    writer_->WaitIdle();
    const AuditWriter::Progress progress = writer_->progress();
    if (!newest.ok() || !progress.status.ok() || progress.last.sequence >= *newest) break;
    Pump();
    if (writer_->progress().last.sequence == progress.last.sequence &&
        writer_->progress().is_idle) {
      break;  // The store does not hand them out.
    }
  }
  Mark();
}

void AuditOutbox::Mark() {
  const AuditMark last = writer_->progress().last;
  if (last.sequence == marked_.sequence) return;
  const absl::Status status = store_.SetAuditMark(last);
  if (!status.ok()) return LogFailure(store_, status);
  marked_ = last;
}

void AuditOutbox::Forget(int64_t now_unix_ms) {
  const absl::Status status =
      store_.ForgetAudit(marked_.sequence, now_unix_ms - kLookupMs, kLookupEventsMax, kForgetMax);
  if (!status.ok()) LogFailure(store_, status);
}

void AuditOutbox::Pump() {
  const AuditWriter::Progress progress = writer_->progress();
  const absl::StatusOr<uint64_t> newest = store_.LastAudit();
  if (!newest.ok()) return LogFailure(store_, newest.status());
  const bool was_full = is_full();
  is_full_.store(*newest - progress.last.sequence >= kEventsMax, std::memory_order_relaxed);
  if (is_full() != was_full) {
    engine::log::Write(was_full ? Level::kInfo : Level::kError,
                       was_full ? "audit_outbox_works_again" : "audit_outbox_full",
                       {{"waiting", *newest - progress.last.sequence},
                        {"why", std::string(progress.status.message())}});
  }
  if (!progress.is_idle || *newest == progress.last.sequence) return;
  absl::StatusOr<std::vector<AuditEvent>> events =
      store_.ListAudit(progress.last.sequence, kBatchMax);
  if (!events.ok()) return LogFailure(store_, events.status());
  if (!events->empty()) writer_->Give(*std::move(events));
}

std::string AuditOutbox::Why() {
  const std::string why(writer_->progress().status.message());
  return "The relay has too many audit records that it could not write to its audit files, and "
         "allows nothing until it can. " +
         (why.empty() ? std::string("The disk is slow.") : why);
}

}  // namespace relay
