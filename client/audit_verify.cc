#include "client/audit_verify.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "client/command_output.h"
#include "client/exit_code.h"
#include "client/say.h"
#include "engine/audit/chain_file_name.h"
#include "engine/base/bytes.h"
#include "engine/crypto/identity_key.h"

namespace client {
namespace {

using engine::audit::ChainReport;
using engine::audit::ChainVerifier;
using engine::crypto::IdentityPublicKey;

constexpr size_t kBlockSize = 64 * 1024;
constexpr size_t kSmallFileSizeMax = 4 * 1024;  // Of the head and the key.

// ReadSmall returns a file without its last line end, or nothing if there is none.
std::optional<std::string> ReadSmall(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return std::nullopt;
  std::string text(kSmallFileSizeMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

absl::StatusOr<IdentityPublicKey> KeyOf(const AuditVerifyOptions& options) {
  const std::string path = options.directory + "/" + std::string(engine::audit::kKeyFileName);
  const std::string text =
      options.key.empty() ? ReadSmall(path).value_or(std::string()) : options.key;
  IdentityPublicKey key;
  if (engine::FromHex(text, key)) return key;
  return absl::InvalidArgumentError(
      options.key.empty() ? "there is no public key in " + path + "; give it: --key PUBLIC-KEY"
                          : "--key is not 64 hexadecimal digits; the relay wrote the right ones to "
                            "its log: audit_files public_key=");
}

absl::StatusOr<std::vector<std::pair<uint64_t, std::string>>> ListFiles(
    const std::string& directory) {
  std::vector<std::pair<uint64_t, std::string>> files;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::optional<uint64_t> first = engine::audit::FirstOf(name);
    if (first.has_value()) files.emplace_back(*first, name);
  }
  if (error) {
    return absl::NotFoundError("cannot read " + Printable(directory) + ": " + error.message());
  }
  if (files.empty()) {
    return absl::NotFoundError("there are no audit files in " + Printable(directory) +
                               "; a relay's are in the folder audit of its state");
  }
  std::ranges::sort(files);
  return files;
}

// FeedFile gives a file to the verifier, with at most one line of it in memory.
absl::Status FeedFile(const std::string& path, ChainVerifier& verifier) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return absl::NotFoundError("cannot open " + Printable(path));
  std::string rest;
  std::string block(kBlockSize, '\0');
  bool is_skipping = false;  // Within a line that is too long to be one.
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    std::string_view bytes(block.data(), static_cast<size_t>(file.gcount()));
    for (size_t end = 0; (end = bytes.find('\n')) != std::string_view::npos;) {
      rest.append(bytes.substr(0, end));
      bytes.remove_prefix(end + 1);
      verifier.AddLine(is_skipping ? std::string_view() : rest);
      is_skipping = false;
      rest.clear();
    }
    rest.append(bytes);
    if (rest.size() > engine::audit::kLineSizeMax) {
      is_skipping = true;
      rest.resize(1);
    }
  }
  if (file.bad()) return absl::UnavailableError("cannot read " + Printable(path));
  if (!rest.empty()) verifier.AddTorn(rest.size());
  return absl::OkStatus();
}

std::string FindingsText(size_t count, size_t shown) {
  if (count == 1) return "1 finding, above";
  const std::string findings = std::to_string(count) + " findings, ";
  if (shown == count) return findings + "all above";
  return findings + "the first " + std::to_string(shown) + " are above";
}

}  // namespace

absl::StatusOr<ChainReport> VerifyAudit(const AuditVerifyOptions& options) {
  const absl::StatusOr<IdentityPublicKey> key = KeyOf(options);
  if (!key.ok()) return key.status();
  const auto files = ListFiles(options.directory);
  if (!files.ok()) return files.status();
  ChainVerifier verifier(
      {.key = *key,
       .first = options.first,
       .head = ReadSmall(options.directory + "/" + std::string(engine::audit::kHeadFileName))});
  for (const auto& [first, name] : *files) {
    verifier.BeginFile(name, first);
    const absl::Status status = FeedFile(options.directory + "/" + name, verifier);
    if (!status.ok()) return status;
  }
  return verifier.Finish();
}

int RunAuditVerify(const AuditVerifyOptions& options) {
  const absl::StatusOr<ChainReport> report = VerifyAudit(options);
  if (!report.ok()) {
    Say(TextOf(report.status()));
    return kOwnFailure;
  }
  for (const auto& finding : report->findings) {
    Say(Printable(finding.file) + ":" + std::to_string(finding.line) + ": " + finding.text);
  }
  if (report->finding_count > 0) {
    Say("the audit files are NOT whole: " +
        FindingsText(report->finding_count, report->findings.size()));
    return kOwnFailure;
  }
  std::string text = "records " + std::to_string(report->first) + " to " +
                     std::to_string(report->last) + " are whole, and signed up to " +
                     std::to_string(report->signed_last) + " by " +
                     std::to_string(report->digest_count) + " digests\n";
  if (options.key.empty()) {
    text += "The key lies beside the files; it proves nothing unless it is the relay's: --key\n";
  }
  return Print(text);
}

}  // namespace client
