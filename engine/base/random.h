#pragma once

#include <cstdint>

namespace engine {

// Random is xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators,
// scrambled", 2016): small, seedable, and the same on every platform. For jitter and simulation;
// never for secrets (those come from engine/crypto).
class Random {
 public:
  explicit Random(uint64_t seed) : state_((seed * 0x9E3779B97F4A7C15u) | 1) {}

  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }

  // Range returns a number from `min` to `max`, both included.
  uint64_t Range(uint64_t min, uint64_t max) { return min + Next() % (max - min + 1); }

  // Chance is true in `percent` of 100 calls.
  bool Chance(uint32_t percent) { return Next() % 100 < percent; }

 private:
  uint64_t state_;
};

}  // namespace engine
