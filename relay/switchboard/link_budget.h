// What one client's link may make the relay hold, all its circuits together, so that a client that
// stops reading leaves the pool to the others.
//
// Each circuit reserves its two directions when it opens: the first ones as much as a fast and long
// way needs, the later ones less, and each that may still come a frame at least. A window that was
// granted cannot be taken back, so what a direction got stays its own until the circuit ends.

#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/check.h"

namespace relay {

class LinkBudget {
 public:
  // Held data of all circuits, both ways. Pieces of a stream that are at least an eighth of a block
  // are not packed, so this may pin eight times as much: three quarters of a loop's pool.
  static constexpr uint64_t kHeldMax = 96 * 1024 * 1024;
  // What one direction of one stream may hold. The maximum also caps the window of a stream that
  // crosses the relay: 1 MiB is 100 MB/s at 10 ms. The minimum is two frames.
  static constexpr uint64_t kFlowHeldMax = 1024 * 1024;
  static constexpr uint64_t kFlowHeldMin = 32 * 1024;
  // Pieces that could not be packed together, because standard output and error take turns, are
  // counted apart: each costs an object of about a hundred bytes.
  static constexpr uint64_t kPiecesMax = 32 * 1024;

  explicit LinkBudget(uint32_t circuits_max) : circuits_max_(circuits_max) {
    CHECK(uint64_t{circuits_max} * 2 * kFlowHeldMin <= kHeldMax);
  }
  ~LinkBudget() { CHECK(left_ == kHeldMax); }  // Requires: every circuit gave back what it had.
  LinkBudget(const LinkBudget&) = delete;
  LinkBudget& operator=(const LinkBudget&) = delete;

  // Reserve returns what each direction of a new circuit may hold. Requires: there are less than
  // circuits_max of them.
  uint64_t Reserve() {
    CHECK(circuits_ < circuits_max_);
    ++circuits_;
    const uint64_t kept = (circuits_max_ - circuits_) * 2 * kFlowHeldMin;
    const uint64_t spare = left_ - kept;
    const uint64_t size = std::clamp(spare / kParts, kFlowHeldMin, kFlowHeldMax);
    left_ -= 2 * size;
    return size;
  }
  void Return(uint64_t size) {
    --circuits_;
    left_ += 2 * size;
  }

  // CountPieces notes that one of the link's queues has `now` pieces where it had `before`.
  void CountPieces(uint64_t before, uint64_t now) { pieces_ = pieces_ - before + now; }
  bool has_too_many_pieces() const { return pieces_ > kPiecesMax; }

 private:
  // Each circuit takes a sixteenth of what is to spare for its two directions.
  static constexpr uint64_t kParts = 32;

  const uint32_t circuits_max_;
  uint32_t circuits_ = 0;
  uint64_t left_ = kHeldMax;
  uint64_t pieces_ = 0;
};

}  // namespace relay
