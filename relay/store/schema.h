// The tables, as the list of steps that lead to them.

#pragma once

#include <span>

#include "absl/status/status.h"

namespace relay {

class SqliteDatabase;

// Migrations returns one SQL text for each version, in order: the first makes version 1 out of an
// empty file, the next makes version 2 out of that, and so on. A step that was ever released is
// never changed; a new one is added.
std::span<const char* const> Migrations();

// Migrate brings a database up to the newest version, all steps in one transaction.
// FailedPrecondition: it was made by a newer relay.
absl::Status Migrate(SqliteDatabase& database);

}  // namespace relay
