#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>

#include "engine/base/check.h"
#include "engine/mux/multiplexer.h"
#include "engine/mux/window_reserve.h"

namespace agent {

// WindowBudget divides what clients may have sent to this node, and no program has read yet, among
// all sealed lanes. Each lane gets a sixteenth of what is left: the first ones enough for a fast
// and long way, the last ones enough to work. It is what bounds the number of lanes.
//
// What is still too little for a single stream over a long and fast way is lent: each lane's
// windows may grow into a reserve that all of them share.
//
// One thread takes; a share may be given back on any.
class WindowBudget {
 public:
  static constexpr uint64_t kSumMax = 256 * 1024 * 1024;
  static constexpr uint64_t kShareMin = 256 * 1024;
  static constexpr uint64_t kShareParts = 16;
  static constexpr uint64_t kReserveMax = 128 * 1024 * 1024;
  static constexpr uint64_t kReserveParts = 3;
  // What is kept for a lane that may lose its connection: some shares of it, or the least that a
  // multiplexer takes, which is more of the smallest shares. Of all lanes together that is no more
  // than kKeptSumMax.
  static constexpr uint64_t kKeptShares = 2;
  static constexpr uint64_t kKeptMax = kKeptShares * kSumMax / kShareParts;
  static constexpr uint64_t kTakenMax = kSumMax - (kShareParts - 1) * kShareMin;  // See HasShare.
  static_assert(engine::kResumeBytesMin % kShareMin == 0);
  static_assert(engine::kResumeBytesMin <= kKeptMax);
  static constexpr uint64_t kKeptSumMax =
      kTakenMax * std::max<uint64_t>(kKeptShares, engine::kResumeBytesMin / kShareMin);

  // A program has one stream, which begins with the smallest share, and may grow as any other.
  enum class Kind : uint8_t { kForward, kProgram };

  // Share is one lane's part, which goes back with the object.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&&) = delete;
    ~Share() {
      if (budget_ != nullptr) budget_->left_ += bytes_;
    }
    uint64_t bytes() const { return bytes_; }

    // Options are a lane's maxima: three quarters of the share are kept for streams that may still
    // come, so that each of them begins with a frame's worth at least.
    engine::MultiplexerOptions Options(uint32_t streams_max, uint32_t stream_output_max) const {
      engine::MultiplexerOptions options;
      options.streams_max = static_cast<uint32_t>(
          std::min<uint64_t>(streams_max, bytes_ / 4 * 3 / engine::kWindowBytesFloor));
      options.window_bytes_sum_max = bytes_;
      options.output_bytes_per_stream_max = stream_output_max;
      options.window_reserve = &budget_->reserve_;
      options.resume_bytes_max = static_cast<size_t>(
          std::clamp<uint64_t>(kKeptShares * bytes_, engine::kResumeBytesMin, kKeptMax));
      return options;
    }

   private:
    friend class WindowBudget;
    Share(WindowBudget& budget, uint64_t bytes) : budget_(&budget), bytes_(bytes) {}

    WindowBudget* budget_ = nullptr;
    uint64_t bytes_ = 0;
  };

  WindowBudget() = default;
  ~WindowBudget() { CHECK(left_.load() == kSumMax); }  // Requires: every share came back.
  WindowBudget(const WindowBudget&) = delete;
  WindowBudget& operator=(const WindowBudget&) = delete;

  bool HasShare() const { return NextBytes() >= kShareMin; }

  // Take returns the next lane's share. Requires: HasShare(); the budget outlives it.
  Share Take(Kind kind = Kind::kForward) {
    CHECK(HasShare());
    const uint64_t bytes = kind == Kind::kProgram ? kShareMin : NextBytes();
    left_ -= bytes;
    return Share(*this, bytes);
  }

 private:
  uint64_t NextBytes() const { return left_.load() / kShareParts; }

  std::atomic<uint64_t> left_{kSumMax};
  engine::WindowReserve reserve_{kReserveMax, kReserveParts};
};

}  // namespace agent
