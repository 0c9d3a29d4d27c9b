#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "relay/audit/audit_writer.h"
#include "relay/audit/chain_files.h"

namespace relay {

class Store;

// Events stay in the store, to be looked up, for so long, as with CloudTrail, and at most so many:
// about 2 GB. The files keep them longer; who may remove those is the operator's decision.
inline constexpr int64_t kLookupMs = int64_t{90} * 24 * 3600 * 1000;
inline constexpr uint64_t kLookupEventsMax = 1'000'000;

// AuditOutbox takes events that are committed from the store to the audit files:
//
//   change + event --commit--> store --outbox--> thread --append, sync--> files
//                                ^                                          |
//                                +-------- mark: so far they are chained ---+
//
// Events are in the store before an answer leaves, so nothing is lost while files cannot be
// written. But then they only become more, and so nothing is allowed any more when kEventsMax wait.
// Of the control thread, but for is_full().
class AuditOutbox {
 public:
  static constexpr uint64_t kEventsMax = 8'192;
  // What is handed to the thread at once.
  static constexpr size_t kBatchMax = 1'024;
  // How many may be forgotten each time: more than come in between at most.
  static constexpr size_t kForgetMax = 2'048;

  // Open goes on where the files end. Requires: the store outlives it.
  static absl::StatusOr<std::unique_ptr<AuditOutbox>> Open(Store& store,
                                                           const ChainFiles::Options& options);
  // The same with another writer than a thread.
  using MakeWriter = std::function<std::unique_ptr<AuditWriter>(std::unique_ptr<ChainFiles>)>;
  static absl::StatusOr<std::unique_ptr<AuditOutbox>> Open(Store& store,
                                                           const ChainFiles::Options& options,
                                                           const MakeWriter& make_writer);
  // Writes what waits, unless the files cannot be written.
  ~AuditOutbox();

  // Mark notes in the store how far the files are: in the group of changes that is open.
  void Mark();
  // Forget deletes a few events that need not be looked up any more, and are in the files.
  void Forget(int64_t now_unix_ms);
  // Pump hands on what was committed. Call it after each commit, and now and then.
  void Pump();

  // is_full is true while nothing is allowed. Any thread.
  bool is_full() const { return is_full_.load(std::memory_order_relaxed); }
  // Why says what a caller has to know then.
  std::string Why();
  // WaitForAttempt waits until what was handed on is written or has failed.
  void WaitForAttempt() { writer_->WaitIdle(); }

 private:
  AuditOutbox(Store& store, std::unique_ptr<AuditWriter> writer);

  Store& store_;
  AuditMark marked_;
  const std::unique_ptr<AuditWriter> writer_;
  std::atomic<bool> is_full_{false};
};

}  // namespace relay
