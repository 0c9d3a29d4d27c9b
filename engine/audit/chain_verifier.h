// Is a chain of audit files whole? Lines in, what is wrong with them out.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/audit/chain_line.h"

namespace engine::audit {

// ChainFinding is one thing that is wrong, for people.
struct ChainFinding {
  std::string file;
  uint64_t line = 0;  // From 1; 0: of the file as a whole.
  std::string text;
};

// ChainReport is what a verification came to.
struct ChainReport {
  std::vector<ChainFinding> findings;  // The first ChainVerifier::kFindingsMax.
  uint64_t finding_count = 0;          // All of them.
  uint64_t first = 0;                  // Sequences; 0: there is no record.
  uint64_t last = 0;
  ChainHash last_hash{};
  uint64_t signed_last = 0;  // The last record that a good digest covers.
  uint64_t digest_count = 0;
};

// ChainVerifier is fed the lines of all files in the order of their sequences. A change, a removal,
// a swap, a repetition of any line is a finding, up to the newest digest; behind that only the end
// can be cut off unnoticed, which is why the report says how far digests reach.
class ChainVerifier {
 public:
  static constexpr size_t kFindingsMax = 100;

  struct Options {
    // Whose digests count.
    crypto::IdentityPublicKey key{};
    // The record that the files begin with; above 1 when older ones were moved away.
    uint64_t first = 1;
    // The newest digest's line as the relay keeps it beside the files; nothing: there is no such
    // file, which is a finding as soon as there is a digest.
    std::optional<std::string> head;
  };
  explicit ChainVerifier(const Options& options);

  // BeginFile says that the lines to come are of this file, whose name promises that it begins with
  // the record `first`.
  void BeginFile(std::string_view name, uint64_t first);
  // AddLine takes one line without its end; AddTorn what stands after the last line's end.
  void AddLine(std::string_view line);
  void AddTorn(size_t size);
  // AddFinding is for what the reader of files finds wrong.
  void AddFinding(std::string text);

  // Finish returns the report. Call it once, at the end.
  ChainReport Finish();

 private:
  void AddRecord(const ChainRecord& record);
  void AddDigest(const SignedDigest& digest);
  void CheckHead();

  const Options options_;
  std::optional<SignedDigest> head_;
  bool head_seen_ = false;
  ChainReport report_;
  std::string file_;
  uint64_t line_ = 0;
  std::optional<uint64_t> file_first_;  // Until the file's first record has come.
  uint64_t next_;                       // The sequence that must come.
  std::optional<ChainHash> previous_;   // Nothing: not known, since older files were moved away.
  uint64_t unread_count_ = 0;           // Lines since the last record that could not be read.
  uint64_t next_unsigned_;
  std::optional<ChainHash> previous_digest_;
};

}  // namespace engine::audit
