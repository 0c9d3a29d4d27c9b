// What a link has sent and the peer has not acknowledged, so that it can be sent again when the
// connection died: the plaintext of the link as one stream of bytes.
//
//     0 ........ begin ........................ sent .................... end
//      (the peer       (on its way, or lost)         (to be sent again,
//       has it)                                       after a Rewind)
//
// Large payloads are kept by reference, and so they stay where they were received; small ones and
// the headers are copied into a ring, since a reference to a few bytes would pin a block.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/mux/intrusive_list.h"
#include "engine/mux/slab.h"

namespace engine {

class SentLog {
 public:
  // What is not data (opens, credit, resets) is kept even when the log is full: so much of it.
  static constexpr size_t kOverrunMax = 1024 * 1024;

  // Beyond `bytes_max` the log is full.
  explicit SentLog(size_t bytes_max) : bytes_max_(bytes_max), piece_slab_(SIZE_MAX) {}
  ~SentLog();
  SentLog(const SentLog&) = delete;
  SentLog& operator=(const SentLog&) = delete;

  // Append adds what is being sent. Requires: !has_unsent(), and something to append.
  void Append(ByteView copied);
  void Append(BufferRef kept);

  uint64_t begin() const { return begin_; }
  uint64_t end() const { return end_; }
  size_t size() const { return static_cast<size_t>(end_ - begin_); }
  bool is_full() const { return size() >= bytes_max_; }
  // The peer takes all kinds of frames, and acknowledges none.
  bool is_overrun() const { return size() > bytes_max_ + kOverrunMax; }

  // Acknowledge forgets what is before `position`; what was forgotten already may be named again.
  // False, and nothing done: that was never sent.
  [[nodiscard]] bool Acknowledge(uint64_t position);

  // Rewind is Acknowledge for a new connection, on which all that follows `position` is sent again.
  // False, too, if that was forgotten.
  [[nodiscard]] bool Rewind(uint64_t position);

  bool has_unsent() const { return sent_ < end_; }

  // Gather fills `slices` with what comes next, at most a record, counts it as sent, and returns
  // how many slices it filled. They stay until the next Acknowledge, Append or Rewind.
  size_t Gather(std::span<ByteView> slices);

 private:
  // Piece is a run of the ring and what comes behind it.
  struct Piece {
    uint64_t begin = 0;
    uint64_t ring_at = 0;
    size_t ring_size = 0;
    BufferRef kept;
    ListLinks<Piece> links;
    size_t size() const { return ring_size + kept.size(); }
  };

  Piece& LastOpen();
  void Trim(Piece& piece, size_t size);
  void ReserveRing(size_t size);
  ByteView RingRun(uint64_t at, size_t size) const;

  const size_t bytes_max_;
  uint64_t begin_ = 0;
  uint64_t sent_ = 0;
  uint64_t end_ = 0;
  Slab<Piece, 64> piece_slab_;
  IntrusiveList<Piece, &Piece::links> pieces_;
  Piece* unsent_ = nullptr;  // That in which sent_ lies, while there is something unsent.

  std::unique_ptr<std::byte[]> ring_;
  size_t ring_capacity_ = 0;  // A power of two, or 0.
  uint64_t ring_begin_ = 0;   // Both only grow.
  uint64_t ring_end_ = 0;
};

}  // namespace engine
