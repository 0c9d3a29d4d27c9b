#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace agent {

// FileError says what the system refused on `path`, with `error` of errno.h. NotFound,
// PermissionDenied with what helps, or Unavailable.
absl::Status FileError(std::string_view what, const std::string& path, int error);

}  // namespace agent
