#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace engine::datachannel {

// SequenceWindow holds items by their numbers, which lie within `span_max` of its base. It takes
// memory for an item when that many are held for the first time, and keeps it: what it needs is the
// most that was held at once, and a channel that was busy once takes nothing more from the heap.
template <class Item>
class SequenceWindow {
 public:
  explicit SequenceWindow(size_t span_max) : slots_(span_max) {}

  int64_t base() const { return base_; }
  int64_t end() const { return base_ + static_cast<int64_t>(slots_.size()); }
  size_t count() const { return count_; }

  bool InRange(int64_t number) const { return number >= base_ && number - base_ < span(); }

  // Find returns nullptr when there is no item of that number.
  Item* Find(int64_t number) { return InRange(number) ? slots_[Index(number)].get() : nullptr; }

  // Insert returns the new item, which holds whatever its memory held before.
  // Requires: InRange(number), and no item of that number.
  Item& Insert(int64_t number) {
    CHECK(InRange(number));
    std::unique_ptr<Item>& slot = slots_[Index(number)];
    CHECK(slot == nullptr);
    if (free_.empty()) {
      slot = std::make_unique<Item>();
    } else {
      slot = std::move(free_.back());
      free_.pop_back();
    }
    ++count_;
    return *slot;
  }

  // Requires: there is an item of that number.
  void Erase(int64_t number) {
    CHECK(Find(number) != nullptr);
    free_.push_back(std::move(slots_[Index(number)]));
    --count_;
  }

  // MoveBase requires that `number` is not below the base, and that nothing is held below it.
  void MoveBase(int64_t number) {
    CHECK(number >= base_);
    for (; base_ < number; ++base_) CHECK(slots_[Index(base_)] == nullptr);
  }

 private:
  int64_t span() const { return static_cast<int64_t>(slots_.size()); }
  size_t Index(int64_t number) const { return static_cast<uint64_t>(number) % slots_.size(); }

  std::vector<std::unique_ptr<Item>> slots_;
  std::vector<std::unique_ptr<Item>> free_;
  int64_t base_ = 0;
  size_t count_ = 0;
};

}  // namespace engine::datachannel
