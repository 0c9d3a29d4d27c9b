// A thin skin over SQLite: statements that reset themselves, and errors as statuses.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace relay {

// SqliteStatement is one use of a prepared statement: bind from the left, then step. It is reset
// when this object goes. A failure to bind shows in the first Step.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* database, sqlite3_stmt* statement, absl::Status status)
      : database_(database), statement_(statement), status_(std::move(status)) {}
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& Text(std::string_view text);
  SqliteStatement& Blob(engine::ByteView bytes);
  SqliteStatement& Integer(int64_t number);
  SqliteStatement& Null();

  // Step is true when there is a row, false at the end.
  absl::StatusOr<bool> Step();
  // Run steps to the end and returns how many rows were changed.
  absl::StatusOr<int64_t> Run();

  // Columns of the row, counted from 0.
  std::string TextAt(int column) const;
  int64_t IntegerAt(int column) const;

 private:
  void Bound(int code);
  sqlite3* database_;
  sqlite3_stmt* statement_;
  absl::Status status_;
  int parameter_ = 0;
};

class SqliteDatabase {
 public:
  // A database that ends with the object: for simulations.
  static constexpr const char* kNoFile = ":memory:";

  struct Options {
    std::string path;  // Of the file, or kNoFile.
    // The store never grows beyond this: then writes fail as on a full disk, and a request that
    // cannot be audited is refused. SQLite's own end is at 281 TB.
    uint64_t size_max_bytes = uint64_t{64} << 30;
  };

  // Open opens or creates the file (mode 0600): write-ahead log, fully synchronous, for this
  // process alone. Errors say what to do: another process has it open, it is no database, the disk.
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(const Options& options);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // Execute runs one or more statements without parameters.
  absl::Status Execute(const char* sql);

  // Prepare returns a statement that is compiled once and kept. `sql` is a literal: the number of
  // statements kept is the number of literals.
  SqliteStatement Prepare(const char* sql);

  // CheckFile is an error when the file is not where it was opened: what is written would go with
  // this process.
  absl::Status CheckFile() const;

  // in_transaction is false after SQLite has rolled back by itself (a full disk, for one).
  bool in_transaction() const;

 private:
  explicit SqliteDatabase(sqlite3* handle) : handle_(handle) {}
  sqlite3* const handle_;
  std::string path_;  // Empty: there is no file.
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

}  // namespace relay
