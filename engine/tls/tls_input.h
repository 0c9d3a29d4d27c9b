// Internal to engine/tls: received ciphertext that waits to be opened.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/recycled_ring.h"
#include "engine/tls/record_format.h"

namespace engine {

// The most slices of ciphertext that wait to be read.
inline constexpr size_t kTlsInputSlicesMax = 32;

// TlsInput is a stream of bytes in slices of blocks. A record that lies whole in one block is taken
// by reference. One that does not is copied together, behind the last one that was, into a block
// which is kept while there is input.
class TlsInput {
 public:
  explicit TlsInput(BufferPool& pool) : pool_(pool) {}

  // Push returns false, and takes nothing, when kTlsInputSlicesMax slices wait. What continues the
  // last slice in its block becomes part of it.
  [[nodiscard]] bool Push(BufferRef& slice);

  bool empty() const { return slices_.empty() && joined_size_ == 0; }
  // The first byte that waits. Requires: a slice waits, and TakeRecord was never called.
  std::byte front() const { return slices_[0].bytes().front(); }

  // Read moves up to out.size() bytes to `out`, and returns how many. Requires: TakeRecord was
  // never called.
  size_t Read(std::span<std::byte> out);

  // PeekHeader copies the next bytes without taking them; false when there are fewer.
  bool PeekHeader(std::span<std::byte, kTlsRecordHeader> out) const;

  // TakeRecord takes the next `size` bytes as one slice. Requires: the same size until kOk, and it
  // is at least kTlsRecordHeader and at most the pool's block size.
  enum class Outcome : uint8_t { kOk, kNeedMore, kNoBuffers };
  Outcome TakeRecord(size_t size, BufferRef& record);

  // PeekParts finds the next `size` bytes in two parts, one at the end of a slice and one at the
  // beginning of the next, and a place of that size for what they hold. Nothing is taken until
  // TakeParts. False: they do not lie so, or there is no block; then see TakeRecord.
  struct Parts {
    ByteView first;
    ByteView second;
    std::span<std::byte> place;
  };
  bool PeekParts(size_t size, Parts& parts);
  // TakeParts takes the bytes, and returns the place. Requires: PeekParts was true for this size.
  BufferRef TakeParts(size_t size);

  // TakeAll takes everything that waits, in order, as it came.
  std::vector<BufferRef> TakeAll();

  // How many bytes were copied together by TakeRecord.
  uint64_t copied_bytes() const { return copied_bytes_; }

  // Rest drops the block for copies when nothing waits: an idle connection holds none.
  void Rest() {
    if (empty()) assembly_ = {};
  }
  void Clear();

 private:
  size_t Move(std::span<std::byte> out);

  BufferPool& pool_;
  RecycledRing<BufferRef, kTlsInputSlicesMax> slices_;
  BufferRef assembly_;      // What is free of the block for records that are copied together ...
  size_t joined_size_ = 0;  // ... and how much of the next record is in it.
  uint64_t copied_bytes_ = 0;
};

}  // namespace engine
