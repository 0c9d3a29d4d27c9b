#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "relay/audit/chain_files.h"

namespace relay {

// AuditThread appends to the audit files, so that nobody else waits for their disk. It holds one
// batch at a time; what cannot be written is tried again until it can, or until the thread ends.
class AuditThread {
 public:
  explicit AuditThread(std::unique_ptr<ChainFiles> files);
  // Tries what it holds once more, signs, and ends.
  ~AuditThread();
  AuditThread(const AuditThread&) = delete;
  AuditThread& operator=(const AuditThread&) = delete;

  struct Progress {
    AuditMark last;       // On the disk.
    bool is_idle = true;  // It holds no batch.
    absl::Status status;  // Of the last attempt.
  };
  Progress progress();

  // Give hands over a batch. Requires: the thread is idle, and the batch goes on from `last`.
  void Give(std::vector<AuditEvent> batch);

  // WaitIdle waits until the batch is written or has failed.
  void WaitIdle();

 private:
  void Run();
  void Try(const std::vector<AuditEvent>& batch);

  const std::unique_ptr<ChainFiles> files_;  // Of the thread alone.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<AuditEvent> batch_;  // From here on under mutex_.
  Progress progress_;
  bool ending_ = false;
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace relay
