#include "relay/audit/chain_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "engine/audit/chain_file_name.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/http/amz_date.h"
#include "relay/store/private_file.h"

namespace relay {

using engine::audit::ChainDigest;
using engine::audit::ChainRecord;
using engine::audit::SignedDigest;
using engine::log::Level;

namespace {

absl::Status FileError(std::string_view what, const std::string& path) {
  const int error = errno;
  std::string text =
      "audit: cannot " + std::string(what) + " " + path + ": " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT) {
    return absl::ResourceExhaustedError(text + "; make room on that disk");
  }
  return absl::UnavailableError(text + "; check the directory and its disk");
}

std::string DateOf(int64_t now_unix_ms) { return engine::AmzDate(now_unix_ms / 1000).substr(0, 8); }

// RecordOf is an event's record, in a form that a line can hold.
std::string RecordOf(const AuditEvent& event) {
  const bool fits = event.record.size() <= engine::audit::kRecordSizeMax &&
                    event.record.starts_with('{') && event.record.ends_with('}') &&
                    event.record.find('\n') == std::string::npos;
  if (fits) return event.record;
  return R"({"eventID":")" + event.id + R"(","omitted":"a record of )" +
         std::to_string(event.record.size()) + R"( bytes that no line can hold"})";
}

absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& directory) {
  std::vector<std::pair<uint64_t, std::string>> found;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::optional<uint64_t> first = engine::audit::FirstOf(name);
    if (first.has_value()) found.emplace_back(*first, name);
  }
  if (error) {
    return absl::UnavailableError("audit: cannot read " + directory + ": " + error.message());
  }
  std::ranges::sort(found);
  std::vector<std::string> names;
  for (auto& [first, name] : found) names.push_back(std::move(name));
  return names;
}

}  // namespace

// Found is what one file holds, up to its first line that does not belong into the chain.
struct ChainFiles::Found {
  std::optional<AuditMark> last;
  std::optional<ChainDigest> digest;
  uint64_t first_record = 0;
  uint64_t good_size = 0;
  uint64_t size = 0;
};

ChainFiles::ChainFiles(Options options) : options_(std::move(options)) {}

ChainFiles::~ChainFiles() { CloseFile(); }

absl::StatusOr<std::unique_ptr<ChainFiles>> ChainFiles::Open(const Options& options,
                                                             const AuditMark& mark) {
  if (absl::Status status = MakePrivateDirectory(options.directory); !status.ok()) return status;
  std::unique_ptr<ChainFiles> files(new ChainFiles(options));
  if (absl::Status status = files->Recover(mark); !status.ok()) return status;
  return files;
}

namespace {

// AddLine takes one line into what was found, and says whether it belongs there.
template <class Found>
bool AddLine(std::string_view line, Found& found) {
  if (const std::optional<ChainRecord> record = engine::audit::ParseRecordLine(line)) {
    const bool follows = !found.last.has_value() || (record->sequence == found.last->sequence + 1 &&
                                                     record->previous == found.last->hash);
    const bool is_whole =
        engine::audit::HashOf(record->sequence, record->previous, record->record) == record->hash;
    if (!follows || !is_whole) return false;
    if (!found.last.has_value()) found.first_record = record->sequence;
    found.last = AuditMark{record->sequence, record->hash};
    return true;
  }
  if (const std::optional<SignedDigest> digest = engine::audit::ParseDigestLine(line)) {
    found.digest = digest->digest;
    return true;
  }
  return false;
}

template <class Found>
absl::StatusOr<Found> ReadChainFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (file.bad() || !file.is_open()) {
    return absl::UnavailableError("audit: cannot read " + path + "; check the directory");
  }
  Found found;
  found.size = text.size();
  std::string_view rest = text;
  for (;;) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos || !AddLine(rest.substr(0, end), found)) return found;
    rest.remove_prefix(end + 1);
    found.good_size = text.size() - rest.size();
  }
}

}  // namespace

absl::Status ChainFiles::Recover(const AuditMark& mark) {
  const absl::StatusOr<std::vector<std::string>> names = ListFiles(options_.directory);
  if (!names.ok()) return names.status();
  std::optional<Found> newest;
  std::optional<AuditMark> last;
  std::optional<ChainDigest> digest;
  uint64_t first_read = 1;
  for (size_t i = names->size(); i > 0 && (!last.has_value() || !digest.has_value()); --i) {
    absl::StatusOr<Found> found = ReadChainFile<Found>(options_.directory + "/" + (*names)[i - 1]);
    if (!found.ok()) return found.status();
    if (found->first_record != 0) first_read = found->first_record;
    if (!last.has_value()) last = found->last;
    if (!digest.has_value()) digest = found->digest;
    if (!newest.has_value()) newest = *std::move(found);
  }
  last_ = last.value_or(AuditMark{});
  if (digest.has_value()) last_digest_ = engine::audit::DigestHash(*digest);
  next_unsigned_ = digest.has_value() ? digest->last + 1 : first_read;
  if (last_.sequence >= mark.sequence) {
    return newest.has_value() ? Mend(names->back(), *newest) : absl::OkStatus();
  }
  engine::log::Write(Level::kError, "audit_files_damaged",
                     {{"last_whole_record", last_.sequence},
                      {"last_written_record", mark.sequence},
                      {"what_now", "the files are left as they are; verify them"}});
  last_ = mark;
  return absl::OkStatus();
}

// Mend goes on in the newest file, without what a crash has left behind its last whole line.
absl::Status ChainFiles::Mend(const std::string& name, const Found& found) {
  const std::string path = options_.directory + "/" + name;
  file_ = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  if (file_ < 0) return FileError("open", path);
  file_date_ = name.substr(std::string_view("adit-audit-").size(), 8);
  file_size_ = found.good_size;
  if (found.size == found.good_size) return absl::OkStatus();
  engine::log::Write(Level::kWarning, "audit_file_mended",
                     {{"file", name},
                      {"torn_bytes", found.size - found.good_size},
                      {"last_record", last_.sequence}});
  if (ftruncate(file_, static_cast<off_t>(file_size_)) != 0) return FileError("mend", path);
  return fsync(file_) == 0 ? absl::OkStatus() : FileError("sync", path);
}

void ChainFiles::CloseFile() {
  if (file_ >= 0) close(file_);
  file_ = -1;
}

bool ChainFiles::IsFull(std::string_view date) const {
  return file_ >= 0 && file_size_ > 0 &&
         (file_date_ != date || file_size_ >= options_.file_size_max);
}

absl::Status ChainFiles::OpenFile(int64_t now_unix_ms) {
  const std::string date = DateOf(now_unix_ms);
  if (IsFull(date)) {
    if (absl::Status status = Sign(now_unix_ms); !status.ok()) return status;
    CloseFile();
  }
  if (file_ >= 0) return absl::OkStatus();
  const std::string path =
      options_.directory + "/" + engine::audit::ChainFileName(date, last_.sequence + 1);
  file_ = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file_ < 0) return FileError("create", path);
  file_date_ = date;
  file_size_ = 0;
  has_leftover_ = false;
  return SyncDirectory(options_.directory);
}

// Write adds to the file and syncs. After an error the file is as it was before: even if the kernel
// has forgotten what it could not write, the next attempt writes all of it again.
absl::Status ChainFiles::Write(std::string_view text) {
  const uint64_t new_size = file_size_ + text.size();
  if (has_leftover_ && ftruncate(file_, static_cast<off_t>(file_size_)) != 0) {
    return FileError("mend the newest file in", options_.directory);
  }
  has_leftover_ = true;
  while (!text.empty()) {
    const ssize_t written = write(file_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write to", options_.directory);
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (fdatasync(file_) != 0) return FileError("sync", options_.directory);
  has_leftover_ = false;
  file_size_ = new_size;
  return absl::OkStatus();
}

absl::Status ChainFiles::Append(std::span<const AuditEvent> events, int64_t now_unix_ms) {
  if (events.empty()) return absl::OkStatus();
  if (absl::Status status = OpenFile(now_unix_ms); !status.ok()) return status;
  std::string text;
  AuditMark last = last_;
  for (const AuditEvent& event : events) {
    CHECK(event.sequence == last.sequence + 1);
    const std::string record = RecordOf(event);
    ChainRecord line{.sequence = event.sequence,
                     .previous = last.hash,
                     .hash = engine::audit::HashOf(event.sequence, last.hash, record),
                     .record = record};
    text += engine::audit::FormatRecordLine(line) + "\n";
    last = {line.sequence, line.hash};
  }
  if (absl::Status status = Write(text); !status.ok()) return status;
  if (last_.sequence + 1 == next_unsigned_) unsigned_since_unix_ms_ = now_unix_ms;
  last_ = last;
  const bool due = last_.sequence + 1 - next_unsigned_ >= kDigestRecordsMax;
  // The records are kept: a digest that fails is made later.
  if (due) Sign(now_unix_ms).IgnoreError();
  return absl::OkStatus();
}

absl::Status ChainFiles::Sign(int64_t now_unix_ms) {
  if (next_unsigned_ > last_.sequence || file_ < 0) return absl::OkStatus();
  const ChainDigest digest{.first = next_unsigned_,
                           .last = last_.sequence,
                           .hash = last_.hash,
                           .previous = last_digest_,
                           .time = engine::IsoDate(now_unix_ms / 1000),
                           .key = options_.key.public_key()};
  const std::string line =
      engine::audit::FormatDigestLine(engine::audit::SignDigest(digest, options_.key)) + "\n";
  if (absl::Status status = Write(line); !status.ok()) return status;
  next_unsigned_ = digest.last + 1;
  last_digest_ = engine::audit::DigestHash(digest);
  unsigned_since_unix_ms_ = now_unix_ms;
  // The journal is another place, which who cuts these files off may not reach.
  engine::log::Write(Level::kInfo, "audit_digest",
                     {{"first", digest.first},
                      {"last", digest.last},
                      {"hash", engine::ToHex(digest.hash)},
                      {"digest", engine::ToHex(last_digest_)}});
  return WritePrivateFile(options_.directory + "/" + std::string(engine::audit::kHeadFileName),
                          line);
}

absl::Status ChainFiles::SignDue(int64_t now_unix_ms) {
  const int64_t waited = now_unix_ms - unsigned_since_unix_ms_;
  // A clock that was set back does not put it off.
  return waited >= kDigestDelayMs || waited < 0 ? Sign(now_unix_ms) : absl::OkStatus();
}

absl::StatusOr<engine::crypto::IdentityKey> OpenAuditKey(const std::string& path,
                                                         const std::string& directory) {
  using engine::crypto::IdentityKey;
  if (absl::Status status = MakePrivateDirectory(directory); !status.ok()) return status;
  const absl::StatusOr<std::string> seed = ReadPrivateFile(path);
  if (!seed.ok() && !absl::IsNotFound(seed.status())) return seed.status();
  absl::StatusOr<IdentityKey> key =
      seed.ok() ? IdentityKey::FromSeed(*seed) : IdentityKey::Generate();
  if (!key.ok()) {
    return absl::DataLossError(path +
                               " is damaged: put it back from a backup, or move it away; "
                               "digests are then signed by a new key");
  }
  if (!seed.ok()) {
    if (absl::Status status = WritePrivateFile(path, key->seed_text()); !status.ok()) return status;
  }
  const std::string public_file = directory + "/" + std::string(engine::audit::kKeyFileName);
  const std::string text = engine::ToHex(key->public_key()) + "\n";
  const absl::StatusOr<std::string> written = ReadPrivateFile(public_file);
  if (!written.ok() || *written != text) {
    if (absl::Status status = WritePrivateFile(public_file, text); !status.ok()) return status;
  }
  return key;
}

}  // namespace relay
