// Counts every allocation of a process, with the stack it came from, in a file that a test reads
// while the process runs. Preloaded: LD_PRELOAD=libmalloc_count.so MALLOC_COUNT_FOLDER=/folder
// writes /folder/PID.counts. A forked child that does not exec shares its parent's counts.
//
//     u64 magic, u64 calls, u64 lost      lost: calls whose stack had no room in the table
//     32768 x { u64 calls, u64 return address [12] }

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

// The allocator below us, by the names that glibc keeps for interposers.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
}

namespace {

constexpr size_t kStacksMax = 32768;
constexpr size_t kFramesMax = 12;
constexpr size_t kFramesSkipped = 2;  // Count and the function it was called from.
constexpr uint64_t kMagic = 0x31636f6c6c616d;

struct Stack {
  std::atomic<uint64_t> calls;
  std::array<std::atomic<uint64_t>, kFramesMax> frames;
};
struct Table {
  std::atomic<uint64_t> magic, calls, lost;
  std::array<Stack, kStacksMax> stacks;
};
static_assert(sizeof(Table) == 24 + kStacksMax * 8 * (1 + kFramesMax));

std::atomic<Table*> table{nullptr};
thread_local bool inside = false;  // The unwinder allocates, too, the first time.
std::atomic_flag claiming = ATOMIC_FLAG_INIT;

// Find returns the entry of a stack, claiming an unused one if need be, or nothing when all are
// used.
Stack* Find(Table& t, const std::array<uint64_t, kFramesMax>& frames, uint64_t hash) {
  for (size_t probe = 0; probe < kStacksMax; ++probe) {
    Stack& stack = t.stacks[(hash + probe) % kStacksMax];
    if (stack.calls == 0) {
      for (size_t i = 0; i < kFramesMax; ++i) stack.frames[i] = frames[i];
      return &stack;
    }
    bool same = true;
    for (size_t i = 0; i < kFramesMax; ++i) same = same && stack.frames[i] == frames[i];
    if (same) return &stack;
  }
  return nullptr;
}

// Count adds one call to the entry of the stack that it is called from.
void Count() {
  Table* const t = table.load(std::memory_order_acquire);
  if (t == nullptr || inside) return;
  inside = true;
  ++t->calls;
  std::array<void*, kFramesMax + kFramesSkipped> raw{};
  const int found = backtrace(raw.data(), static_cast<int>(raw.size()));
  std::array<uint64_t, kFramesMax> frames{};
  uint64_t hash = 0;
  for (size_t i = kFramesSkipped; i < static_cast<size_t>(found); ++i) {
    frames[i - kFramesSkipped] = reinterpret_cast<uint64_t>(raw[i]);
    hash = (hash ^ frames[i - kFramesSkipped]) * 0x9E3779B97F4A7C15u;
  }
  while (claiming.test_and_set(std::memory_order_acquire)) {
  }
  Stack* const stack = Find(*t, frames, hash);
  ++(stack != nullptr ? stack->calls : t->lost);
  claiming.clear(std::memory_order_release);
  inside = false;
}

__attribute__((constructor)) void Start() {
  const char* const folder = getenv("MALLOC_COUNT_FOLDER");
  if (folder == nullptr) return;
  inside = true;
  std::array<void*, 4> unused;
  backtrace(unused.data(), static_cast<int>(unused.size()));  // Loads the unwinder.
  std::array<char, 4096> path;
  snprintf(path.data(), path.size(), "%s/%d.counts", folder, getpid());
  const int fd = open(path.data(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd >= 0 && ftruncate(fd, sizeof(Table)) == 0) {
    void* const memory = mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED) {
      Table* const t = static_cast<Table*>(memory);
      t->magic = kMagic;
      table.store(t, std::memory_order_release);
    }
  }
  if (fd >= 0) close(fd);
  inside = false;
}

void* NewOrDie(size_t size) {
  void* const memory = __libc_malloc(size);
  if (memory == nullptr) abort();
  return memory;
}

}  // namespace

extern "C" {

void* malloc(size_t size) {
  Count();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  Count();
  return __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  Count();
  return __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  Count();
  return __libc_memalign(alignment, size);
}
void* memalign(size_t alignment, size_t size) {
  Count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  Count();
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}

}  // extern "C"

void* operator new(size_t size) {
  Count();
  return NewOrDie(size);
}
void* operator new[](size_t size) {
  Count();
  return NewOrDie(size);
}
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }
