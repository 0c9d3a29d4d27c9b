#include "client/config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace client {
namespace {

constexpr size_t kReadSize = 16 * 1024;

absl::Status Failure(const std::string& text) { return absl::FailedPreconditionError(text); }

std::string ErrnoText(int number) { return std::strerror(number); }

// WriteWhole returns 0 or the errno of what failed; the file is synced.
int WriteWhole(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  int failure = 0;
  while (!bytes.empty() && failure == 0) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno != EINTR) failure = errno;
    } else {
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }
  if (failure == 0 && ::fsync(file) != 0) failure = errno;
  if (::close(file) != 0 && failure == 0) failure = errno;
  return failure;
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t size_max) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0) return Failure("cannot open " + path + ": " + ErrnoText(errno));
  std::string bytes;
  size_t size = 0;
  int failure = 0;
  while (size <= size_max) {
    bytes.resize(std::min(size + kReadSize, size_max + 1));
    const ssize_t count = ::read(file, bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) failure = errno;
    if (count <= 0) break;
    size += static_cast<size_t>(count);
  }
  ::close(file);
  if (failure != 0) return Failure("cannot read " + path + ": " + ErrnoText(failure));
  if (size > size_max) {
    return Failure(path + " is larger than " + std::to_string(size_max / 1024) + " KiB");
  }
  bytes.resize(size);
  return bytes;
}

absl::Status MakeConfigFolder(const std::string& folder) {
  std::error_code error;
  const bool existed = std::filesystem::exists(folder, error);
  std::filesystem::create_directories(folder, error);
  if (error) return Failure("cannot create " + folder + ": " + error.message());
  if (existed) return absl::OkStatus();
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (error) return Failure("cannot protect " + folder + ": " + error.message());
  return absl::OkStatus();
}

absl::Status ReplaceFile(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + "." + std::to_string(::getpid());
  ::unlink(fresh.c_str());  // Of a process that had our number and died while writing.
  int failure = WriteWhole(fresh, bytes);
  if (failure == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) failure = errno;
  if (failure == 0) return absl::OkStatus();
  ::unlink(fresh.c_str());
  return Failure("cannot write " + path + ": " + ErrnoText(failure));
}

}  // namespace client
