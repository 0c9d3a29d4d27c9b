// A disk that fails, for one process. Preloaded: LD_PRELOAD=libdisk_errors.so, DISK_ERRORS_FOLDER
// is where files fail, and DISK_ERRORS_CONTROL is a file of two int32: errno of writing, errno of
// reading; 0: it works. The test changes them while the process runs.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

const volatile int32_t* Control() {
  static const volatile int32_t* const control = [] {
    static const int32_t none[2] = {0, 0};
    const char* const path = getenv("DISK_ERRORS_CONTROL");
    if (path == nullptr) return static_cast<const volatile int32_t*>(none);
    const auto file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
    void* const seen = mmap(nullptr, sizeof(none), PROT_READ, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (seen == MAP_FAILED) abort();
    return static_cast<const volatile int32_t*>(seen);
  }();
  return control;
}

bool IsInFolder(int file) {
  static const char* const folder = getenv("DISK_ERRORS_FOLDER");
  if (folder == nullptr) return false;
  char name[64];
  char path[4096];
  snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
  const ssize_t size = readlink(name, path, sizeof(path));
  const size_t length = strlen(folder);
  return size >= static_cast<ssize_t>(length) && memcmp(path, folder, length) == 0;
}

// Fails sets errno if the call has to fail.
bool Fails(int file, int kind) {
  const int32_t error = Control()[kind];
  if (error == 0 || !IsInFolder(file)) return false;
  errno = error;
  return true;
}
constexpr int kWriting = 0;
constexpr int kReading = 1;

}  // namespace

extern "C" {

ssize_t pwrite64(int file, const void* data, size_t size, off64_t at) {
  return Fails(file, kWriting) ? -1 : syscall(SYS_pwrite64, file, data, size, at);
}
ssize_t pwrite(int file, const void* data, size_t size, off_t at) {
  return pwrite64(file, data, size, at);
}
ssize_t write(int file, const void* data, size_t size) {
  return Fails(file, kWriting) ? -1 : syscall(SYS_write, file, data, size);
}
int fsync(int file) {
  return Fails(file, kWriting) ? -1 : static_cast<int>(syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  return Fails(file, kWriting) ? -1 : static_cast<int>(syscall(SYS_fdatasync, file));
}
int ftruncate64(int file, off64_t size) noexcept {
  return Fails(file, kWriting) ? -1 : static_cast<int>(syscall(SYS_ftruncate, file, size));
}
int ftruncate(int file, off_t size) noexcept { return ftruncate64(file, size); }
ssize_t pread64(int file, void* data, size_t size, off64_t at) {
  return Fails(file, kReading) ? -1 : syscall(SYS_pread64, file, data, size, at);
}
ssize_t pread(int file, void* data, size_t size, off_t at) { return pread64(file, data, size, at); }

}  // extern "C"
