#include "tests/sim/relay_disk.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "client/audit_verify.h"
#include "engine/base/check.h"
#include "engine/platform/wall_clock.h"
#include "tests/sim/world_keys.h"
#include "tests/support/tls_credentials.h"

namespace {

bool is_disk_full = false;
bool is_writing_audit = false;
int audit_writes = 0;  // Since it began.

ssize_t WriteAt(int file, const void* bytes, size_t size, off_t offset) {
  if (!is_disk_full) return ::pwrite(file, bytes, size, offset);
  errno = ENOSPC;
  return -1;
}

// SQLite lets its system calls be replaced; those that make a file longer are these.
void WatchSqlite() {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  for (const char* name : {"pwrite", "pwrite64"}) {
    static_cast<void>(
        vfs->xSetSystemCall(vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(&WriteAt)));
  }
}

}  // namespace

extern "C" {

ssize_t __real_write(int file, const void* bytes, size_t size);  // NOLINT: the linker's names.

ssize_t __wrap_write(int file, const void* bytes, size_t size) {  // NOLINT
  if (!is_disk_full || !is_writing_audit) return __real_write(file, bytes, size);
  // Something fits, and has to be taken back.
  if (audit_writes++ == 0 && size > 1) return __real_write(file, bytes, size / 2);
  errno = ENOSPC;
  return -1;
}

}  // extern "C"

namespace sim {
namespace {

std::string Made(std::string folder) {
  CHECK(::mkdir(folder.c_str(), 0700) == 0);
  return folder;
}

// AuditFilesNow writes what it is given at once.
class AuditFilesNow final : public relay::AuditWriter {
 public:
  explicit AuditFilesNow(std::unique_ptr<relay::ChainFiles> files) : files_(std::move(files)) {
    progress_.last = files_->last();
  }
  ~AuditFilesNow() override {
    Try();
    if (!is_disk_full) files_->Sign(engine::UnixNowMs()).IgnoreError();
  }

  Progress progress() override {
    Try();
    return progress_;
  }
  void Give(std::vector<relay::AuditEvent> batch) override {
    CHECK(progress_.is_idle);
    batch_ = std::move(batch);
    progress_.is_idle = false;
    Try();
  }
  void WaitIdle() override { Try(); }

 private:
  void Try() {
    if (batch_.empty()) return;
    is_writing_audit = true;
    audit_writes = 0;
    const int64_t now = engine::UnixNowMs();
    progress_.status = files_->Append(batch_, now);
    if (progress_.status.ok()) {
      batch_.clear();
      progress_.is_idle = true;
      progress_.status = files_->SignDue(now);
    }
    is_writing_audit = false;
    progress_.last = files_->last();
  }

  const std::unique_ptr<relay::ChainFiles> files_;
  std::vector<relay::AuditEvent> batch_;
  Progress progress_;
};

}  // namespace

RelayDisk::RelayDisk(std::string folder)
    : folder_(Made(std::move(folder))),
      audit_folder_(folder_ + "/audit"),
      audit_key_(engine::test::Must(relay::OpenAuditKey(folder_ + "/audit.key", audit_folder_))) {
  WatchSqlite();
  const auto store = OpenStore();
  const std::string user_id = std::string("AIDA") + kUser;
  CHECK(store->Iam().AddEntity({.kind = relay::IamKind::kUser, .id = user_id, .name = kUser}).ok());
  CHECK(store->Iam().Attach(user_id, kUserPolicy).ok());
  CHECK(store
            ->AddAccessKey({.id = std::string("AKIA") + kUser,
                            .user_id = user_id,
                            .user_name = kUser,
                            .principal = std::string("arn:aws:iam::000000000000:user/") + kUser,
                            .secret = std::string("secret-of-") + kUser})
            .ok());
  CHECK(store->AddNode({.id = kNodeId, .name = "web-1"}).ok());
}

std::unique_ptr<relay::SqliteStore> RelayDisk::OpenStore() const {
  return engine::test::Must(
      relay::SqliteStore::Open({.path = folder_ + "/adit.db"}, engine::crypto::MasterKey{}));
}

std::unique_ptr<relay::AuditOutbox> RelayDisk::OpenOutbox(relay::Store& store) const {
  return engine::test::Must(
      relay::AuditOutbox::Open(store, {.directory = audit_folder_, .key = audit_key_},
                               [](std::unique_ptr<relay::ChainFiles> files) {
                                 return std::make_unique<AuditFilesNow>(std::move(files));
                               }));
}

void RelayDisk::SetFull(bool is_full) { is_disk_full = is_full; }
bool RelayDisk::is_full() { return is_disk_full; }

// Each line of a file is a record with what proves its place.
std::string RelayDisk::AuditText() const {
  std::string text;
  for (const auto& file : std::filesystem::directory_iterator(audit_folder_)) {
    std::ifstream lines(file.path());
    for (std::string line; std::getline(lines, line);) {
      if (line.find("StartSession") != std::string::npos ||
          line.find("Rejoin") != std::string::npos ||
          line.find("SessionEnded") != std::string::npos) {
        // The last line may be torn; what is wrong with a file is said by its own check.
        const auto parsed = nlohmann::json::parse(line, nullptr, false);
        if (parsed.is_object()) text += parsed.value("record", nlohmann::json()).dump() + '\n';
      }
    }
  }
  return text;
}

std::string RelayDisk::WhatIsWrong() const {
  const auto report = client::VerifyAudit({.directory = audit_folder_, .key = {}});
  if (!report.ok()) return std::string(report.status().message());
  if (report->finding_count == 0) return {};
  return report->findings.front().file + ": " + report->findings.front().text;
}

}  // namespace sim
