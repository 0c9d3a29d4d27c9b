// Internal to engine/tls: ciphertext that waits to be sent.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/recycled_ring.h"
#include "engine/tls/record_format.h"

namespace engine {

// The most slices of ciphertext that wait to be sent. What is next to its predecessor in the same
// block makes one slice with it.
inline constexpr size_t kTlsOutputSlicesMax = 32;

// TlsOutput is a queue of slices, of two kinds: of blocks that it takes from the pool and fills one
// after another, and of blocks of others in which a record was sealed where it lay. When the pool
// has run dry one record at a time goes into memory of its own, so that what empties the pool again
// can always be said.
class TlsOutput {
 public:
  enum class Room : uint8_t { kOk, kNoBuffers, kFull };

  explicit TlsOutput(BufferPool& pool) : pool_(pool) {}

  // HasRoom says whether Append() would take `size` bytes now, wherever blocks end.
  Room HasRoom(size_t size) const;
  // Append copies as many of the bytes as there is room for, and returns their count; `room` says
  // why when it is not all.
  size_t Append(ByteView bytes, Room& room);

  // HasRoomForRecord says whether Reserve() would find room for a record and a key update before
  // it, or Push() a place. kNoBuffers goes away with Sent().
  Room HasRoomForRecord() const;

  // Reserve finds room for `size` bytes in one block, after what waits: fill `bytes` and Commit()
  // them, or leave it. With another outcome than kOk nothing has changed.
  // Requires: size <= the pool's block size.
  Room Reserve(size_t size, std::span<std::byte>& bytes);
  void Commit(size_t size);

  // Push adds the `bytes` in the block of `holder`, which may hold another part of them.
  // Requires: !full().
  void Push(BufferRef holder, std::span<std::byte> bytes);
  bool full() const { return slices_.full(); }

  // See TlsChannel::Output and OutputSent.
  size_t Peek(std::span<ByteView> slices) const;
  void Sent(size_t size);
  size_t size() const { return size_; }

  // Verify checks the invariants.
  void Verify() const;

 private:
  struct Slice {
    BufferRef holder;  // Empty: the bytes are in spare_.
    std::span<std::byte> bytes;
  };

  // A record, and the key update that may have to go before it.
  static constexpr size_t kSpareSize = kTlsRecordSizeMax + kKeyUpdateRecordSize;

  Room ReserveSpare(size_t size, std::span<std::byte>& bytes);

  BufferPool& pool_;
  RecycledRing<Slice, kTlsOutputSlicesMax> slices_;
  BufferRef tail_;                      // What is free of the newest block of our own.
  std::unique_ptr<std::byte[]> spare_;  // Until all that waits was sent.
  std::span<std::byte> spare_left_;     // What is free of it.
  size_t size_ = 0;
};

}  // namespace engine
