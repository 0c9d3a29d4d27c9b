#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "relay/audit/audit_writer.h"
#include "relay/audit/chain_files.h"

namespace relay {

// AuditThread appends to the audit files, so that nobody else waits for their disk. It holds one
// batch at a time; what cannot be written is tried again until it can, or until the thread ends.
class AuditThread final : public AuditWriter {
 public:
  explicit AuditThread(std::unique_ptr<ChainFiles> files);
  // Tries what it holds once more, signs, and ends.
  ~AuditThread() override;
  AuditThread(const AuditThread&) = delete;
  AuditThread& operator=(const AuditThread&) = delete;

  Progress progress() override;
  void Give(std::vector<AuditEvent> batch) override;
  void WaitIdle() override;

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
