// The user who may do everything, whom the relay's host gives and nobody else can.

#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "relay/store/sqlite_store.h"

namespace relay {

inline constexpr std::string_view kAdministrator = "admin";
inline constexpr std::string_view kAdministratorPolicy = "arn:aws:iam::aws:policy/AditAdmin";

// MakeAdministrator makes the administrator and returns the new access key. One who is there
// already is deleted first, with keys, devices and whatever was given to or put upon him: a
// boundary or a denial would be left otherwise, and so would a key that somebody else has found.
// Others are left as they are. In the transaction that is open.
absl::StatusOr<AccessKey> MakeAdministrator(SqliteStore& store, int64_t now_unix_ms);

}  // namespace relay
