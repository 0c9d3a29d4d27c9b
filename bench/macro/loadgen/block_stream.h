// The bulk data of `serve` and `bulk`: blocks of 64 KiB whose first byte is 1 (more follow) or 0
// (the last). So the end of a transfer is known without half-closing the connection.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace loadgen {

inline constexpr size_t kBlockSize = 64 * 1024;
inline constexpr size_t kIoBufferSize = 256 * 1024;

// Blocks holds one block of each kind, of bytes that cannot be compressed.
struct Blocks {
  Blocks();
  std::vector<char> more, last;
};

// BlockReader follows the block structure of a received stream.
class BlockReader {
 public:
  void Feed(const char* data, size_t size);
  uint64_t bytes() const { return bytes_; }
  bool done() const { return done_; }

 private:
  uint64_t bytes_ = 0;
  size_t position_ = 0;  // Inside the current block.
  bool in_last_ = false;
  bool done_ = false;
};

// BlockWriter writes an endless block stream to a non-blocking socket until told to end.
class BlockWriter {
 public:
  // Pump writes until the socket is full, `budget` bytes are written or the last block is out; with
  // `ending`, the next block is the last one. Returns false when the connection is broken.
  bool Pump(int fd, const Blocks& blocks, bool ending, size_t budget);
  bool done() const { return done_; }

 private:
  size_t position_ = 0;
  bool in_last_ = false;
  bool done_ = false;
};

}  // namespace loadgen
