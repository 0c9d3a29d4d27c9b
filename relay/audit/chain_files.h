// The audit files on the disk: what is appended is chained, signed now and then, and synced.
//
// The folder and the form of the files are PROTOCOL.md's, "Audit files".

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/audit/chain_line.h"
#include "relay/store/store.h"

namespace relay {

// ChainFiles is used by one thread at a time, and blocks it.
class ChainFiles {
 public:
  // A digest is made after so many records, or so long after the first that has none.
  static constexpr uint64_t kDigestRecordsMax = 1'000;
  static constexpr int64_t kDigestDelayMs = 5 * 60 * 1000;
  // A file that has reached this size is followed by another, as it is at midnight (UTC).
  static constexpr uint64_t kFileSizeMax = 32 * 1024 * 1024;

  struct Options {
    std::string directory;
    engine::crypto::IdentityKey key;
    uint64_t file_size_max = kFileSizeMax;
  };

  // Open makes the directory, or finds in it how far the chain has come, and mends an end that a
  // crash has torn. `mark` is how far the store knows that it came: when the files fall short of
  // that, they are left as they are, which is logged, and the chain goes on behind the mark, so
  // that a verification finds the hole. Errors: the directory cannot be read or written.
  static absl::StatusOr<std::unique_ptr<ChainFiles>> Open(const Options& options,
                                                          const AuditMark& mark);
  ~ChainFiles();
  ChainFiles(const ChainFiles&) = delete;
  ChainFiles& operator=(const ChainFiles&) = delete;

  // last is the record that the chain ends with, on the disk.
  const AuditMark& last() const { return last_; }

  // Append adds events, which go on from last() without a gap, and syncs. On an error none of them
  // counts, and the same call may be tried again.
  absl::Status Append(std::span<const AuditEvent> events, int64_t now_unix_ms);

  // Sign makes a digest of the records that none covers yet, if there are any; SignDue only when
  // one has waited for kDigestDelayMs.
  absl::Status Sign(int64_t now_unix_ms);
  absl::Status SignDue(int64_t now_unix_ms);

 private:
  struct Found;

  explicit ChainFiles(Options options);
  absl::Status Recover(const AuditMark& mark);
  absl::Status Mend(const std::string& name, const Found& found);
  absl::Status OpenFile(int64_t now_unix_ms);
  absl::Status Write(std::string_view text);
  void CloseFile();
  bool IsFull(std::string_view date) const;

  const Options options_;
  int file_ = -1;
  std::string file_date_;
  uint64_t file_size_ = 0;  // Of what counts; behind that is what a failed write has left.
  bool has_leftover_ = false;
  AuditMark last_;
  uint64_t next_unsigned_ = 1;
  engine::audit::ChainHash last_digest_{};
  int64_t unsigned_since_unix_ms_ = 0;
};

// OpenAuditKey reads the key that signs digests from `path`, or makes it, and writes its public
// half into `directory`.
absl::StatusOr<engine::crypto::IdentityKey> OpenAuditKey(const std::string& path,
                                                         const std::string& directory);

}  // namespace relay
