// Small files of the user's own in the configuration folder: read whole, replaced in one step.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace client {

inline constexpr size_t kConfigSizeMax = 256 * 1024;  // Of any file we read whole, but where said.

// ReadSmallFile returns a file's bytes, at most `size_max`; the error names file and cause.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path,
                                          size_t size_max = kConfigSizeMax);

// MakeConfigFolder creates `folder`, for this user alone, and whatever is above it. One that is
// there already is left as it is.
absl::Status MakeConfigFolder(const std::string& folder);

// ReplaceFile gives `path` the content `bytes` and the mode 0600: written beside it, synced,
// renamed. Whoever reads meanwhile sees the old bytes or the new ones; after an error the old ones
// are still there.
absl::Status ReplaceFile(const std::string& path, std::string_view bytes);

}  // namespace client
