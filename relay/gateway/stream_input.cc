#include "relay/gateway/stream_input.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace relay {

size_t WriteCopy(engine::Multiplexer& multiplexer, engine::BufferPool& pool, engine::StreamId id,
                 engine::ByteView bytes, engine::Channel channel) {
  size_t written = 0;
  while (written < bytes.size()) {
    engine::BufferRef block = pool.Take();
    const size_t size = std::min(block.size(), bytes.size() - written);
    if (size == 0) break;
    std::memcpy(block.bytes().data(), bytes.data() + written, size);
    block.KeepFirst(size);
    const size_t taken = multiplexer.Write(id, channel, std::move(block));
    written += taken;
    if (taken < size) break;
  }
  return written;
}

bool StreamInput::Offer(engine::Multiplexer& multiplexer, engine::BufferPool& pool,
                        engine::StreamId id, engine::ByteView message, engine::Channel channel) {
  // A peer may send another message under the number of the one that was begun.
  const size_t begin = std::min(taken_, message.size());
  taken_ = begin + WriteCopy(multiplexer, pool, id, message.subspan(begin), channel);
  if (taken_ < message.size()) return false;
  taken_ = 0;
  return true;
}

}  // namespace relay
