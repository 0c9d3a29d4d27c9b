#include "engine/buffer/buffer_pool.h"

#include <sys/mman.h>

namespace engine {

// Pages come from mmap, untouched: a pool may be as large as its holders' maxima ask, and costs
// only what was ever used at once (the free list is a stack, so that hot blocks are taken first).
BufferPool::BufferPool(uint16_t block_count, uint32_t block_size)
    : block_count_(block_count),
      block_size_(block_size),
      memory_size_(size_t{block_count} * block_size),
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
}

BufferPool::~BufferPool() {
  CHECK(free_count_ == block_count_);
  ::munmap(memory_, memory_size_);
}

}  // namespace engine
