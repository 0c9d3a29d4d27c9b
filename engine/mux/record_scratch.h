#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace engine {

// RecordScratch is where headers and small payloads of one record are put. A link has the memory
// only from a Gather to its Taken; then the thread keeps it for whichever link is next, so that an
// idle link holds none and a busy thread takes none from the heap.
class RecordScratch {
 public:
  static constexpr size_t kSize = 4 * 1024;

  // Take returns the space, which is this object's until Give or Drop.
  std::span<std::byte, kSize> Take() {
    if (space_ == nullptr) space_ = std::move(Spare());
    if (space_ == nullptr) space_ = std::make_unique<Space>();
    return *space_;
  }

  void Give() {
    if (space_ != nullptr) Spare() = std::move(space_);
  }

  // Drop frees it, for when the thread may be ending.
  void Drop() { space_.reset(); }

 private:
  using Space = std::array<std::byte, kSize>;

  static std::unique_ptr<Space>& Spare() {
    static thread_local std::unique_ptr<Space> spare;
    return spare;
  }

  std::unique_ptr<Space> space_;
};

}  // namespace engine
