#include "client/known_nodes.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "client/config_file.h"
#include "client/say.h"

namespace client {
namespace {

constexpr std::string_view kFingerprintBegin = "SHA256:";
constexpr size_t kFingerprintSize = 7 + 43;  // And the unpadded Base64 of 32 bytes.

bool IsNodeId(std::string_view text) {
  return !text.empty() && text.size() <= KnownNodes::kNodeIdSizeMax && text.front() != '#' &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

bool IsFingerprint(std::string_view text) {
  return text.size() == kFingerprintSize && text.starts_with(kFingerprintBegin) &&
         std::ranges::all_of(text.substr(kFingerprintBegin.size()), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '+' || c == '/';
         });
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

std::string_view TakeWord(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text = Trim(text.substr(word.size()));
  return word;
}

struct Line {
  std::string_view text;  // As it stands, without its end.
  std::optional<KnownNodes::Entry> entry;
};

absl::StatusOr<std::vector<Line>> Parse(std::string_view file, const std::string& path) {
  std::vector<Line> lines;
  while (!file.empty()) {
    const size_t end = file.find('\n');
    Line line{.text = file.substr(0, end), .entry = std::nullopt};
    file = end == std::string_view::npos ? std::string_view() : file.substr(end + 1);
    std::string_view rest = Trim(line.text);
    if (!rest.empty() && rest.front() != '#') {
      KnownNodes::Entry entry;
      entry.node_id = TakeWord(rest);
      entry.fingerprint = TakeWord(rest);
      entry.name = rest;
      if (!IsNodeId(entry.node_id) || !IsFingerprint(entry.fingerprint)) {
        return absl::FailedPreconditionError(path + ", line " + std::to_string(lines.size() + 1) +
                                             ", cannot be read\nit should be: NODE-ID "
                                             "SHA256:FINGERPRINT NAME; mend it or remove it");
      }
      line.entry = std::move(entry);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// IsCalled is true of the node that people mean by this name: its own, or its id, which nobody else
// may take for a name.
bool IsCalled(const KnownNodes::Entry& entry, std::string_view name) {
  return !name.empty() && (entry.name == name || entry.node_id == name);
}

// WordsFor are those by which the user means the node: what was typed, and its name, or else its
// id. That it is an id is the relay's word, too, and that nothing is called as was typed.
std::array<std::string, 2> WordsFor(const KnownNodes::Node& node) {
  return {node.named_by_id ? node.id : std::string(Trim(Printable(node.name))),
          std::string(Trim(Printable(node.typed)))};
}

KnownNodes::Meeting Judge(const std::vector<Line>& lines, const KnownNodes::Node& node,
                          std::string_view fingerprint) {
  using Kind = KnownNodes::Meeting::Kind;
  const KnownNodes::Entry* own = nullptr;  // The node's line; one with this key wins.
  for (const Line& line : lines) {
    if (!line.entry || line.entry->node_id != node.id) continue;
    if (own == nullptr || line.entry->fingerprint == fingerprint) own = &*line.entry;
  }
  if (own != nullptr && own->fingerprint != fingerprint) {
    return {.kind = Kind::kOtherKey, .known = *own, .kept = absl::OkStatus()};
  }
  for (const std::string& word : WordsFor(node)) {
    // Two nodes may share it, once the user has met both.
    if (own != nullptr && IsCalled(*own, word)) continue;
    const auto other = std::ranges::find_if(lines, [&](const Line& line) {
      return line.entry && line.entry->node_id != node.id && IsCalled(*line.entry, word);
    });
    if (other == lines.end()) continue;
    return {.kind = Kind::kOtherNode, .known = *other->entry, .kept = absl::OkStatus()};
  }
  if (own == nullptr) return {.kind = Kind::kFirst, .known = {}, .kept = absl::OkStatus()};
  return {.kind = Kind::kKnown, .known = *own, .kept = absl::OkStatus()};
}

}  // namespace

// Lock keeps other clients out while it lives. It is a file beside the list, which is replaced.
class KnownNodes::Lock {
 public:
  explicit Lock(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600)) {
    if (descriptor_ < 0) {
      failure_ = errno;
      return;
    }
    // Whoever has it writes one small file and lets go, even when it is killed.
    while (::flock(descriptor_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      failure_ = errno;
      return;
    }
  }
  ~Lock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  absl::Status status(const std::string& path) const {
    if (failure_ == 0) return absl::OkStatus();
    return absl::FailedPreconditionError("cannot lock " + path + ": " + std::strerror(failure_));
  }

 private:
  int descriptor_;
  int failure_ = 0;
};

KnownNodes::KnownNodes(std::string folder)
    : folder_(std::move(folder)), path_(folder_ + "/known_nodes") {}

absl::StatusOr<std::string> KnownNodes::ReadFile() const {
  if (folder_.empty()) return std::string();
  if (::access(path_.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return std::string();
  }
  return ReadSmallFile(path_, kFileSizeMax);
}

absl::StatusOr<KnownNodes::Meeting> KnownNodes::Meet(const Node& node,
                                                     std::string_view fingerprint) {
  if (!IsNodeId(node.id)) {
    return absl::FailedPreconditionError("'" + Printable(node.id) +
                                         "', which the relay calls the node, is no id of one");
  }
  const std::string name(Trim(Printable(node.name)));
  const auto look = [&](std::string_view file) -> absl::StatusOr<Meeting> {
    const absl::StatusOr<std::vector<Line>> lines = Parse(file, path_);
    if (!lines.ok()) return lines.status();
    return Judge(*lines, node, fingerprint);
  };
  // Most nodes are known, and a file that is replaced whole can be read without the lock.
  absl::StatusOr<std::string> file = ReadFile();
  if (!file.ok()) return file.status();
  absl::StatusOr<Meeting> meeting = look(*file);
  if (!meeting.ok() || meeting->kind != Meeting::Kind::kFirst) return meeting;

  if (folder_.empty()) {
    meeting->kept = absl::FailedPreconditionError("there is no home folder; set ADIT_CONFIG_DIR");
    return meeting;
  }
  meeting->kept = MakeConfigFolder(folder_);
  if (!meeting->kept.ok()) return meeting;
  const Lock lock(path_ + ".lock");
  meeting->kept = lock.status(path_ + ".lock");
  if (!meeting->kept.ok()) return meeting;
  file = ReadFile();
  if (!file.ok()) return file.status();
  meeting = look(*file);  // Another client may have met it meanwhile.
  if (!meeting.ok() || meeting->kind != Meeting::Kind::kFirst) return meeting;
  std::string text = *std::move(file);
  if (!text.empty() && text.back() != '\n') text += '\n';
  text += node.id + " " + std::string(fingerprint) + (name.empty() ? "" : " " + name) + "\n";
  meeting->kept = text.size() <= kFileSizeMax
                      ? ReplaceFile(path_, text)
                      : absl::FailedPreconditionError(
                            path_ + " would be larger than " + std::to_string(kFileSizeMax / 1024) +
                            " KiB; remove the lines of nodes that are gone");
  return meeting;
}

absl::StatusOr<bool> KnownNodes::Knows(const Node& node) const {
  const absl::StatusOr<std::string> file = ReadFile();
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::vector<Line>> lines = Parse(*file, path_);
  if (!lines.ok()) return lines.status();
  const std::array<std::string, 2> words = WordsFor(node);
  return std::ranges::any_of(*lines, [&](const Line& line) {
    return line.entry && (line.entry->node_id == node.id || IsCalled(*line.entry, words[0]) ||
                          IsCalled(*line.entry, words[1]));
  });
}

absl::StatusOr<std::vector<KnownNodes::Entry>> KnownNodes::Forget(std::string_view id_or_name) {
  std::vector<Entry> forgotten;
  absl::StatusOr<std::string> file = ReadFile();
  if (!file.ok()) return file.status();
  if (file->empty()) return forgotten;
  const Lock lock(path_ + ".lock");
  const absl::Status locked = lock.status(path_ + ".lock");
  if (!locked.ok()) return locked;
  file = ReadFile();
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::vector<Line>> lines = Parse(*file, path_);
  if (!lines.ok()) return lines.status();
  // An id wins over a name, as everywhere.
  const bool is_id = std::ranges::any_of(
      *lines, [&](const Line& line) { return line.entry && line.entry->node_id == id_or_name; });
  std::string text;
  for (const Line& line : *lines) {
    if (line.entry && !id_or_name.empty() &&
        (is_id ? line.entry->node_id : line.entry->name) == id_or_name) {
      forgotten.push_back(*line.entry);
    } else {
      text += std::string(line.text) + "\n";
    }
  }
  if (forgotten.empty()) return forgotten;
  const absl::Status replaced = ReplaceFile(path_, text);
  if (!replaced.ok()) return replaced;
  return forgotten;
}

}  // namespace client
