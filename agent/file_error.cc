#include "agent/file_error.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace agent {

absl::Status FileError(std::string_view what, const std::string& path, int error) {
  const std::string text = absl::StrCat(absl::string_view(what.data(), what.size()), " ", path,
                                        ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM) {
    return absl::PermissionDeniedError(
        text +
        ". Run it as the user to whom the folder belongs (often: with sudo), or name "
        "another folder with --state");
  }
  return absl::UnavailableError(text);
}

}  // namespace agent
