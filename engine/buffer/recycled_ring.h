// A bounded queue that costs one pointer while it is empty.
//
// Its memory is taken when the first item comes and given back with the last one, to a list that
// the thread keeps: an idle connection holds nothing, and a busy one takes nothing from the heap.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "engine/base/check.h"

namespace engine {

template <class Item, size_t kMax>
class RecycledRing {
  static_assert(kMax <= UINT8_MAX);

 public:
  // The most rings that a thread keeps: as many connections as are busy at once need no heap.
  static constexpr size_t kKeptMax = 256;

  RecycledRing() = default;
  ~RecycledRing() { Clear(); }
  RecycledRing(const RecycledRing&) = delete;
  RecycledRing& operator=(const RecycledRing&) = delete;

  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == kMax; }

  // Requires: index < size(). Index 0 is the oldest.
  Item& operator[](size_t index) {
    CHECK(index < count_);
    return ring_->items[(first_ + index) % kMax];
  }
  const Item& operator[](size_t index) const {
    CHECK(index < count_);
    return ring_->items[(first_ + index) % kMax];
  }
  Item& front() { return (*this)[0]; }
  Item& back() { return (*this)[count_ - size_t{1}]; }

  // Requires: !full().
  void Push(Item item) {
    CHECK(!full());
    if (ring_ == nullptr) ring_ = Take();
    ring_->items[(first_ + count_) % kMax] = std::move(item);
    ++count_;
  }
  // Requires: !empty().
  void Pop() {
    front() = Item();
    first_ = static_cast<uint8_t>((first_ + 1) % kMax);
    --count_;
    if (count_ == 0) Give(std::move(ring_));
  }
  void Clear() {
    while (!empty()) Pop();
  }

 private:
  struct Ring {
    std::array<Item, kMax> items;
    std::unique_ptr<Ring> next;
  };

  // The list of the thread, which may be gone before the last ring is, while the thread ends.
  enum class KeptState : uint8_t { kFresh, kAlive, kGone };
  struct Kept {
    Kept() { state = KeptState::kAlive; }
    ~Kept() {
      state = KeptState::kGone;
      while (first != nullptr) first = std::move(first->next);
    }
    std::unique_ptr<Ring> first;
    size_t count = 0;
    static thread_local KeptState state;
  };
  static Kept* List() {
    if (Kept::state == KeptState::kGone) return nullptr;
    static thread_local Kept kept;
    return &kept;
  }

  static std::unique_ptr<Ring> Take() {
    Kept* kept = List();
    if (kept == nullptr || kept->first == nullptr) return std::make_unique<Ring>();
    std::unique_ptr<Ring> ring = std::move(kept->first);
    kept->first = std::move(ring->next);
    --kept->count;
    return ring;
  }
  static void Give(std::unique_ptr<Ring> ring) {
    Kept* kept = List();
    if (kept == nullptr || kept->count == kKeptMax) return;
    ring->next = std::move(kept->first);
    kept->first = std::move(ring);
    ++kept->count;
  }

  std::unique_ptr<Ring> ring_;
  uint8_t first_ = 0;
  uint8_t count_ = 0;
};

template <class Item, size_t kMax>
thread_local typename RecycledRing<Item, kMax>::KeptState RecycledRing<Item, kMax>::Kept::state =
    RecycledRing<Item, kMax>::KeptState::kFresh;

}  // namespace engine
