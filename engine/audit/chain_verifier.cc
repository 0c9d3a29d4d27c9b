#include "engine/audit/chain_verifier.h"

#include <utility>

#include "engine/audit/chain_file_name.h"
#include "engine/base/bytes.h"

namespace engine::audit {
namespace {

std::string Number(uint64_t number) { return std::to_string(number); }

// Range is "record 4" or "records 4 to 6".
std::string Range(uint64_t first, uint64_t last) {
  return first == last ? "record " + Number(first)
                       : "records " + Number(first) + " to " + Number(last);
}

}  // namespace

ChainVerifier::ChainVerifier(const Options& options)
    : options_(options), next_(options.first), next_unsigned_(options.first) {
  // What stands before files that were moved away is not known.
  if (options.first == 1) {
    previous_ = ChainHash{};
    previous_digest_ = ChainHash{};
  }
  if (options_.head.has_value()) head_ = ParseDigestLine(*options_.head);
}

void ChainVerifier::AddFinding(std::string text) {
  ++report_.finding_count;
  if (report_.findings.size() < kFindingsMax) {
    report_.findings.push_back({file_, line_, std::move(text)});
  }
}

void ChainVerifier::BeginFile(std::string_view name, uint64_t first) {
  if (file_first_.has_value()) AddFinding("the file holds no record");
  file_ = name;
  line_ = 0;
  file_first_ = first;
}

void ChainVerifier::AddLine(std::string_view line) {
  ++line_;
  if (const std::optional<ChainRecord> record = ParseRecordLine(line)) return AddRecord(*record);
  if (const std::optional<SignedDigest> digest = ParseDigestLine(line)) return AddDigest(*digest);
  AddFinding("this is neither a record nor a digest: the line was changed, most likely of record " +
             Number(next_));
  ++unread_count_;
}

void ChainVerifier::AddTorn(size_t size) {
  ++line_;
  AddFinding("the file ends within a line, after " + Number(size) +
             " bytes of it: it was cut off, or a relay is writing it now");
  ++unread_count_;
}

void ChainVerifier::AddRecord(const ChainRecord& record) {
  if (file_first_.has_value() && *file_first_ != record.sequence) {
    AddFinding("the file begins with record " + Number(record.sequence) +
               ", but by its name with " + Number(*file_first_));
  }
  file_first_.reset();
  const bool is_changed = HashOf(record.sequence, record.previous, record.record) != record.hash;
  if (is_changed) AddFinding("record " + Number(record.sequence) + " was changed");
  if (record.sequence > next_) {
    // A line that could not be read stands for one record, of which was told already.
    const uint64_t missing = next_ + unread_count_;
    if (record.sequence > missing) {
      AddFinding(Range(missing, record.sequence - 1) +
                 (missing == record.sequence - 1 ? " is missing" : " are missing"));
    }
  } else if (record.sequence < next_) {
    AddFinding("record " + Number(record.sequence) + " stands where " + Number(next_) +
               " should: it is a repetition, or out of its order");
  } else if (previous_.has_value() && record.previous != *previous_) {
    AddFinding("record " + Number(record.sequence) +
               " does not follow the one before it: one of the two was replaced");
  }
  if (report_.first == 0) report_.first = record.sequence;
  report_.last = record.sequence;
  report_.last_hash = record.hash;
  next_ = record.sequence + 1;
  previous_ = record.hash;
  unread_count_ = 0;
}

void ChainVerifier::AddDigest(const SignedDigest& signed_digest) {
  const ChainDigest& digest = signed_digest.digest;
  const std::string name = "the digest of " + Range(digest.first, digest.last);
  const ChainHash hash = DigestHash(digest);
  if (head_.has_value() && DigestHash(head_->digest) == hash) head_seen_ = true;
  if (!IsSignedBy(signed_digest, options_.key)) {
    AddFinding(name + (digest.key == options_.key
                           ? " was changed: its signature is wrong"
                           : " is signed by another key, " + ToHex(digest.key)));
  } else if (digest.first != next_unsigned_) {
    AddFinding(name + " should begin with record " + Number(next_unsigned_) +
               ": a digest is missing, or this one is repeated or out of its order");
  } else if (previous_digest_.has_value() && digest.previous != *previous_digest_) {
    AddFinding(name + " does not follow the digest before it: one of the two was replaced");
  } else if (digest.last != report_.last || digest.last < digest.first) {
    AddFinding(name + " stands behind record " + Number(report_.last) +
               ": records are missing, or lines are out of their order");
  } else if (digest.hash != report_.last_hash) {
    AddFinding(name + " is of another record " + Number(digest.last) +
               " than the one here: a record up to that was replaced");
  } else {
    report_.signed_last = digest.last;
  }
  ++report_.digest_count;
  next_unsigned_ = digest.last + 1;
  previous_digest_ = hash;
}

void ChainVerifier::CheckHead() {
  file_ = kHeadFileName;
  line_ = 0;
  if (!options_.head.has_value()) {
    if (report_.digest_count > 0) AddFinding("the file is missing, which the relay keeps");
    return;
  }
  if (!head_.has_value() || !IsSignedBy(*head_, options_.key)) {
    return AddFinding("this is no digest of that key: the file was changed");
  }
  if (head_seen_) return;
  AddFinding("the newest digest that the relay made, of " +
             Range(head_->digest.first, head_->digest.last) +
             ", is not in the files: they were cut off or replaced");
}

ChainReport ChainVerifier::Finish() {
  if (file_first_.has_value()) AddFinding("the file holds no record");
  file_first_.reset();
  CheckHead();
  return std::exchange(report_, {});
}

}  // namespace engine::audit
