#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/wire/frame.h"

namespace engine {

// FrameFifo keeps whole frames, ready to send, in the order in which they were pushed: what a link
// has to say before any stream. Bounded in bytes; its memory is contiguous, so that many frames are
// one slice of a record.
class FrameFifo {
 public:
  explicit FrameFifo(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Push appends one frame whose payload is `parts`, one after the other. False, and nothing
  // appended, when that would pass the maximum.
  [[nodiscard]] bool Push(FrameType type, uint8_t flags, StreamId stream,
                          std::initializer_list<ByteView> parts);

  // Run returns the bytes of the first frames that fit into `size_max` bytes, without a cut. Frames
  // larger than `alone_size` are returned alone, and not at all unless `may_be_alone`. The bytes
  // stay where they are until the next Push, Pop or Clear.
  ByteView Run(size_t size_max, size_t alone_size, bool may_be_alone) const;

  // Pop removes the first `size` bytes. Requires: they are whole frames, as Run returned.
  void Pop(size_t size);

  void Clear();

  bool empty() const { return begin_ == bytes_.size(); }
  size_t size() const { return bytes_.size() - begin_; }
  size_t bytes_max() const { return bytes_max_; }
  size_t control_count() const { return control_count_; }  // Control messages that wait.

 private:
  FrameHeader HeaderAt(size_t offset) const;

  const size_t bytes_max_;
  std::vector<std::byte> bytes_;
  size_t begin_ = 0;
  size_t control_count_ = 0;
};

}  // namespace engine
