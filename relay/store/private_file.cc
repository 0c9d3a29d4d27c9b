#include "relay/store/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace relay {
namespace {

absl::Status FileError(std::string_view what, const std::string& path, int error) {
  const std::string text = "cannot " + std::string(what) + " " + path + ": " + std::strerror(error);
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(text);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::UnavailableError(text);
}

// Descriptor closes itself.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status SyncFolder(const std::string& path) { return SyncDirectory(FolderOf(path)); }

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write", path, errno);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(fd) != 0) return FileError("sync", path, errno);
  return absl::OkStatus();
}

// ReadSecret reads a plain file whose mode has none of the bits `shared`.
absl::StatusOr<std::string> ReadSecret(const std::string& path, mode_t shared) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd() < 0) return FileError("open", path, errno);
  struct stat facts;
  if (fstat(file.fd(), &facts) != 0) return FileError("look at", path, errno);
  if (!S_ISREG(facts.st_mode)) return absl::InvalidArgumentError(path + " is not a plain file");
  if ((facts.st_mode & shared) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(facts.st_mode & 07777));
    return absl::PermissionDeniedError(path + " holds a secret and has mode " + mode +
                                       ", so that others may use it; run: chmod 600 " + path);
  }
  std::string content;
  char block[4096];
  for (;;) {
    const ssize_t size = read(file.fd(), block, sizeof block);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return FileError("read", path, errno);
    if (size == 0) return content;
    content.append(block, static_cast<size_t>(size));
    if (content.size() > kPrivateFileSizeMax) {
      return absl::InvalidArgumentError(path + " is larger than a key file can be");
    }
  }
}

}  // namespace

absl::Status SyncDirectory(const std::string& path) {
  const File folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd() < 0 || fsync(folder.fd()) != 0) {
    return FileError("sync the directory", path, errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadPrivateFile(const std::string& path) {
  return ReadSecret(path, 077);
}

absl::StatusOr<std::string> ReadCredentialFile(const std::string& path) {
  return ReadSecret(path, 037);
}

absl::Status WritePrivateFile(const std::string& path, std::string_view content) {
  const std::string part = path + ".part";
  unlink(part.c_str());  // Left by a crash; opening it as it is would keep its mode and owner.
  {
    const File file(open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.fd() < 0) return FileError("create", part, errno);
    const absl::Status status = WriteAll(file.fd(), content, part);
    if (!status.ok()) {
      unlink(part.c_str());
      return status;
    }
  }
  return RenamePrivateFile(part, path);
}

absl::Status RenamePrivateFile(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return FileError("rename to", to, errno);
  return SyncFolder(to);
}

absl::Status MakePrivateDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) return SyncFolder(path);
  if (errno != EEXIST) return FileError("make the directory", path, errno);
  struct stat facts;
  if (stat(path.c_str(), &facts) != 0) return FileError("look at", path, errno);
  if (!S_ISDIR(facts.st_mode)) return absl::InvalidArgumentError(path + " is not a directory");
  if ((facts.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        path + " holds secrets and others may enter it; run: chmod 700 " + path);
  }
  return absl::OkStatus();
}

}  // namespace relay
