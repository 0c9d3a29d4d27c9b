// Files that only their owner may read: keys.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace relay {

inline constexpr size_t kPrivateFileSizeMax = 64 * 1024;

// ReadPrivateFile returns the content. NotFound: there is no such file. PermissionDenied: it cannot
// be read, or others can read it too (then the text says which command repairs that).
// InvalidArgument: not a plain file, or larger than kPrivateFileSizeMax.
absl::StatusOr<std::string> ReadPrivateFile(const std::string& path);

// ReadCredentialFile is ReadPrivateFile for a file of systemd's credentials folder: that one's
// group may read it. systemd grants the service's user his access by an ACL, of which the group's
// bits show the mask, and lets nobody else into the folder.
absl::StatusOr<std::string> ReadCredentialFile(const std::string& path);

// WritePrivateFile writes the file whole or not at all (mode 0600, on the disk when this returns);
// one that is there is replaced.
absl::Status WritePrivateFile(const std::string& path, std::string_view content);

// RenamePrivateFile moves a file over another one, and is on the disk when this returns.
absl::Status RenamePrivateFile(const std::string& from, const std::string& to);

// SyncDirectory puts a directory's list of files on the disk.
absl::Status SyncDirectory(const std::string& path);

// MakePrivateDirectory makes a directory of mode 0700, or checks that one that is there is a
// directory that only its owner may enter.
absl::Status MakePrivateDirectory(const std::string& path);

}  // namespace relay
