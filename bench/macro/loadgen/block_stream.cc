#include "bench/macro/loadgen/block_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

namespace loadgen {

Blocks::Blocks() : more(kBlockSize) {
  std::mt19937_64 generator(12345);
  for (size_t i = 0; i < kBlockSize; i += sizeof(uint64_t)) {
    const uint64_t value = generator();
    memcpy(&more[i], &value, sizeof value);
  }
  last = more;
  more[0] = 1;
  last[0] = 0;
}

void BlockReader::Feed(const char* data, size_t size) {
  bytes_ += size;
  for (size_t i = 0; i < size && !done_;) {
    if (position_ == 0) in_last_ = data[i] == 0;
    const size_t step = std::min(size - i, kBlockSize - position_);
    position_ += step;
    i += step;
    if (position_ == kBlockSize) {
      position_ = 0;
      done_ = in_last_;
    }
  }
}

bool BlockWriter::Pump(int fd, const Blocks& blocks, bool ending, size_t budget) {
  while (!done_ && budget > 0) {
    if (position_ == 0) in_last_ = ending;
    const std::vector<char>& source = in_last_ ? blocks.last : blocks.more;
    const ssize_t sent = send(fd, source.data() + position_, kBlockSize - position_, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    position_ += static_cast<size_t>(sent);
    budget -= std::min(budget, static_cast<size_t>(sent));
    if (position_ == kBlockSize) {
      position_ = 0;
      done_ = in_last_;
    }
  }
  return true;
}

}  // namespace loadgen
