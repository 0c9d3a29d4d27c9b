#include "engine/uring/uring_buffers.h"

#include <liburing.h>
#include <sys/mman.h>

#include <numeric>
#include <utility>

namespace engine {

UringBuffers::UringBuffers(io_uring& ring, BufferPool& pool, uint16_t lent_max)
    : ring_(ring),
      pool_(pool),
      lent_max_(lent_max),
      lent_(lent_max),
      free_(lent_max),
      place_of_(std::make_unique<uint16_t[]>(pool.block_count())) {
  CHECK(lent_max > 0);
  CHECK((lent_max & (lent_max - 1)) == 0);
  std::iota(free_.begin(), free_.end(), uint16_t{0});
  const size_t size = lent_max * sizeof(io_uring_buf);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(memory);
  registration.ring_entries = lent_max;
  registration.bgid = kGroup;
  if (::io_uring_register_buf_ring(&ring, &registration, 0) != 0) {
    ::munmap(memory, size);
    return;
  }
  entries_ = static_cast<io_uring_buf_ring*>(memory);
  ::io_uring_buf_ring_init(entries_);
  Refill();
}

UringBuffers::~UringBuffers() {
  if (entries_ == nullptr) return;
  ::io_uring_unregister_buf_ring(&ring_, kGroup);
  ::munmap(entries_, lent_max_ * sizeof(io_uring_buf));
}

void UringBuffers::LendMissing() {
  const int mask = ::io_uring_buf_ring_mask(lent_max_);
  int added = 0;
  while (lent_count_ < lent_max_) {
    BufferRef block = pool_.Take();
    if (block.empty()) break;
    const uint16_t id = block.block_id();
    ::io_uring_buf_ring_add(entries_, block.bytes().data(), pool_.block_size(), id, mask, added++);
    place_of_[id] = free_.back();
    free_.pop_back();
    lent_[place_of_[id]] = std::move(block);
    ++lent_count_;
  }
  ::io_uring_buf_ring_advance(entries_, added);
}

BufferRef UringBuffers::Take(uint16_t block_id) {
  CHECK(block_id < pool_.block_count());
  const uint16_t place = place_of_[block_id];
  CHECK(!lent_[place].empty());
  CHECK(lent_[place].block_id() == block_id);
  --lent_count_;
  free_.push_back(place);
  return std::move(lent_[place]);
}

}  // namespace engine
