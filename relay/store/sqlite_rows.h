// Reading rows, for the files that know the tables.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "relay/store/sqlite_database.h"

namespace relay {

// ReadRows returns what `read` makes of each row.
template <class Read>
auto ReadRows(SqliteStatement& statement, Read read)
    -> absl::StatusOr<std::vector<decltype(read(statement))>> {
  std::vector<decltype(read(statement))> rows;
  for (;;) {
    const absl::StatusOr<bool> row = statement.Step();
    if (!row.ok()) return row.status();
    if (!*row) return rows;
    rows.push_back(read(statement));
  }
}

// ReadRow returns what `read` makes of the first row. NotFound: there is none.
template <class Read>
auto ReadRow(SqliteStatement& statement, const char* what, Read read)
    -> absl::StatusOr<decltype(read(statement))> {
  const absl::StatusOr<bool> row = statement.Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError(std::string("there is no such ") + what);
  return read(statement);
}

// RowChanged turns "no row was like that" into NotFound.
inline absl::Status RowChanged(const absl::StatusOr<int64_t>& count, const char* what) {
  if (!count.ok()) return count.status();
  if (*count == 0) return absl::NotFoundError(std::string("there is no such ") + what);
  return absl::OkStatus();
}

}  // namespace relay
