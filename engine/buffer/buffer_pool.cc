#include "engine/buffer/buffer_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

namespace engine {

// Pages come from mmap, untouched: a pool may be as large as its holders' maxima ask, and costs
// what was lately used at once (the free list is a stack, so that hot blocks are taken first).
BufferPool::BufferPool(uint16_t block_count, uint32_t block_size)
    : block_count_(block_count),
      block_size_(block_size),
      memory_size_(size_t{block_count} * block_size),
      kept_count_(static_cast<uint16_t>(std::min<size_t>(block_count, kKeptSize / block_size))),
      references_(std::make_unique<uint32_t[]>(block_count)),
      free_(std::make_unique<uint16_t[]>(block_count)) {
  CHECK(block_count > 0);
  CHECK(block_size > 0);
  void* memory = ::mmap(nullptr, memory_size_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(memory != MAP_FAILED);
  memory_ = static_cast<std::byte*>(memory);
  for (uint16_t id = block_count; id > 0; --id)
    free_[free_count_++] = static_cast<uint16_t>(id - 1);
  least_free_ = bare_ = block_count;
}

BufferPool::~BufferPool() {
  CHECK(free_count_ == block_count_);
  ::munmap(memory_, memory_size_);
}

// What was left alone goes from the highest numbers on, so that neighbours go in one call. Calls
// have a maximum: each makes all processors forget addresses (madvise(2), MADV_DONTNEED), which in
// some virtual machines takes longer than the work itself.
void BufferPool::GiveBack(size_t size_max) {
  constexpr int kCallsMax = 16;
  bare_ = std::min(bare_, least_free_);
  const size_t idle = std::min<size_t>(least_free_, block_count_ - kept_count_);
  least_free_ = free_count_;
  if (idle <= bare_) return;
  std::sort(&free_[bare_], &free_[idle], std::greater<>());
  const size_t end = std::min(idle, bare_ + size_max / block_size_);
  for (int calls = 0; calls < kCallsMax && bare_ < end; ++calls) {
    const size_t highest = free_[bare_++];
    size_t lowest = highest;
    for (; bare_ < end && free_[bare_] + size_t{1} == lowest; ++bare_) --lowest;
    GiveBackBlocks(lowest, highest);
  }
}

void BufferPool::GiveBackBlocks(size_t lowest, size_t highest) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  // A block may begin or end in the middle of a page.
  const size_t begin = (lowest * block_size_ + page - 1) / page * page;
  const size_t end = (highest + 1) * block_size_ / page * page;
  if (begin < end) CHECK(::madvise(memory_ + begin, end - begin, MADV_DONTNEED) == 0);
}

}  // namespace engine
