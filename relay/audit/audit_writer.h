#pragma once

#include <vector>

#include "absl/status/status.h"
#include "relay/store/store.h"

namespace relay {

// AuditWriter appends batches of events to the audit files, one at a time, without keeping its
// caller waiting: a thread in the program (AuditThread). What cannot be written is tried again.
class AuditWriter {
 public:
  struct Progress {
    AuditMark last;       // On the disk.
    bool is_idle = true;  // It holds no batch.
    absl::Status status;  // Of the last attempt.
  };

  // Tries what it holds once more, and signs.
  virtual ~AuditWriter() = default;

  virtual Progress progress() = 0;

  // Give hands over a batch. Requires: it is idle, and the batch goes on from `last`.
  virtual void Give(std::vector<AuditEvent> batch) = 0;

  // WaitIdle waits until the batch is written or has failed.
  virtual void WaitIdle() = 0;
};

}  // namespace relay
