#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace engine {

// Slab makes objects of one type in memory that it keeps: it grows by kChunk objects at a time, up
// to `count_max`, and shrinks only when told, so that nothing allocates once the usual number was
// reached.
template <class T, size_t kChunk>
class Slab {
 public:
  explicit Slab(size_t count_max) : count_max_(count_max) {}
  ~Slab() { CHECK(count_ == 0); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Reserve allocates the first chunk now rather than with the first Make.
  void Reserve() {
    if (free_ == nullptr) Grow();
  }

  // Make constructs an object, or returns nullptr at the maximum. Give it back with Return.
  template <class... Arguments>
  T* Make(Arguments&&... arguments) {
    if (count_ == count_max_) return nullptr;
    if (free_ == nullptr) Grow();
    Slot* slot = free_;
    free_ = slot->next;
    ++count_;
    return new (slot->storage) T(std::forward<Arguments>(arguments)...);
  }

  void Return(T* object) {
    CHECK(count_ > 0);
    object->~T();
    Slot* slot = reinterpret_cast<Slot*>(object);
    slot->next = free_;
    free_ = slot;
    --count_;
  }

  // Trim frees the memory. Requires: every object was returned.
  void Trim() {
    CHECK(count_ == 0);
    free_ = nullptr;
    chunks_.clear();
    chunks_.shrink_to_fit();
  }

  size_t count() const { return count_; }

 private:
  union Slot {
    Slot* next;
    alignas(T) std::byte storage[sizeof(T)];
  };

  void Grow() {
    chunks_.push_back(std::make_unique<Slot[]>(kChunk));
    for (size_t i = kChunk; i > 0; --i) {
      chunks_.back()[i - 1].next = free_;
      free_ = &chunks_.back()[i - 1];
    }
  }

  const size_t count_max_;
  size_t count_ = 0;
  Slot* free_ = nullptr;
  std::vector<std::unique_ptr<Slot[]>> chunks_;
};

}  // namespace engine
