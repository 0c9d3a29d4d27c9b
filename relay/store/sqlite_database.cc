#include "relay/store/sqlite_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

namespace relay {
namespace {

absl::StatusCode CodeOf(int code) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_CONSTRAINT:
      return absl::StatusCode::kAlreadyExists;
    default:
      return absl::StatusCode::kInternal;
  }
}

// Advice says what a person can do about it.
const char* Advice(int code) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return "; make room on the disk that holds the state directory";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return "; check that the state directory exists and that the relay's user may write to it";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another process has it open: stop the other adit-relay first";
    case SQLITE_IOERR:
      return "; check the disk that holds the state directory";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; restore the state directory from a backup";
    default:
      return "";
  }
}

absl::Status ToStatus(sqlite3* database, int code) {
  const char* text = database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database);
  return absl::Status(CodeOf(code), std::string("store: ") + text + Advice(code));
}

constexpr int64_t kPageSizeBytes = 4096;

}  // namespace

SqliteStatement::~SqliteStatement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void SqliteStatement::Bound(int code) {
  if (code != SQLITE_OK && status_.ok()) status_ = ToStatus(database_, code);
}

SqliteStatement& SqliteStatement::Text(std::string_view text) {
  if (statement_ != nullptr) {
    Bound(sqlite3_bind_text64(statement_, ++parameter_, text.data() == nullptr ? "" : text.data(),
                              text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  return *this;
}

SqliteStatement& SqliteStatement::Blob(engine::ByteView bytes) {
  if (statement_ != nullptr) {
    Bound(sqlite3_bind_blob64(statement_, ++parameter_, bytes.data(), bytes.size(),
                              SQLITE_TRANSIENT));
  }
  return *this;
}

SqliteStatement& SqliteStatement::Integer(int64_t number) {
  if (statement_ != nullptr) Bound(sqlite3_bind_int64(statement_, ++parameter_, number));
  return *this;
}

SqliteStatement& SqliteStatement::Null() {
  if (statement_ != nullptr) Bound(sqlite3_bind_null(statement_, ++parameter_));
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  if (!status_.ok()) return status_;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  status_ = ToStatus(database_, code);
  return status_;
}

absl::StatusOr<int64_t> SqliteStatement::Run() {
  for (;;) {
    const absl::StatusOr<bool> row = Step();
    if (!row.ok()) return row.status();
    if (!*row) return sqlite3_changes64(database_);
  }
}

std::string SqliteStatement::TextAt(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr || size <= 0) return {};
  return std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

int64_t SqliteStatement::IntegerAt(int column) const {
  return sqlite3_column_int64(statement_, column);
}

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const Options& options) {
  // SQLite would create the file readable by others; its log takes the mode of the file.
  struct stat facts {};
  if (options.path != kNoFile) {
    const int file = open(options.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
      return absl::PermissionDeniedError("store: cannot open " + options.path + ": " +
                                         std::strerror(errno) + Advice(SQLITE_CANTOPEN));
    }
    fstat(file, &facts);
    close(file);
  }
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(options.path.c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    absl::Status status = ToStatus(handle, code);
    sqlite3_close_v2(handle);
    return status;
  }
  sqlite3_extended_result_codes(handle, 1);
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(handle));
  if (options.path != kNoFile) database->path_ = options.path;
  database->device_ = facts.st_dev;
  database->inode_ = facts.st_ino;
  // Exclusive: two relays on one state directory would each end the other's sessions. Temporary
  // files stay in memory: what a savepoint may undo is small, and a sandboxed relay has no
  // /var/tmp.
  const std::string page_count =
      "PRAGMA max_page_count=" +
      std::to_string(static_cast<int64_t>(options.size_max_bytes) / kPageSizeBytes);
  for (const std::string& pragma :
       {std::string("PRAGMA locking_mode=EXCLUSIVE"), std::string("PRAGMA journal_mode=WAL"),
        std::string("PRAGMA synchronous=FULL"), std::string("PRAGMA foreign_keys=ON"),
        std::string("PRAGMA trusted_schema=OFF"), std::string("PRAGMA temp_store=MEMORY"),
        page_count, std::string("BEGIN IMMEDIATE; COMMIT")}) {
    if (absl::Status status = database->Execute(pragma.c_str()); !status.ok()) return status;
  }
  return database;
}

SqliteDatabase::~SqliteDatabase() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

absl::Status SqliteDatabase::Execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ToStatus(handle_, code);
}

SqliteStatement SqliteDatabase::Prepare(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int code =
        sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return SqliteStatement(handle_, nullptr, ToStatus(handle_, code));
  }
  return SqliteStatement(handle_, statement, absl::OkStatus());
}

absl::Status SqliteDatabase::CheckFile() const {
  if (path_.empty()) return absl::OkStatus();
  struct stat facts {};
  const int result = stat(path_.c_str(), &facts);
  if (result == 0 && facts.st_dev == device_ && facts.st_ino == inode_) return absl::OkStatus();
  return absl::UnavailableError(
      "store: " + path_ +
      (result == 0 ? " is another file than the one that is open"
                   : " is gone: " + std::string(std::strerror(errno))) +
      "; put the state directory back as it was, or restart the relay with one from a backup");
}

bool SqliteDatabase::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

}  // namespace relay
