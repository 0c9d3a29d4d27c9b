#pragma once

#include <cstddef>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/mux/multiplexer.h"

namespace relay {

// WriteCopy copies bytes into blocks of the pool and writes those to a stream. It returns how many
// were taken; with less than all, StreamEvents::OnWritable follows, unless the pool has run dry.
size_t WriteCopy(engine::Multiplexer& multiplexer, engine::BufferPool& pool, engine::StreamId id,
                 engine::ByteView bytes, engine::Channel channel = engine::Channel::kMain);

// StreamInput writes messages to a stream, each of which may take several tries.
class StreamInput {
 public:
  // Offer returns true when all of the message is written; else the same message must be offered
  // again.
  bool Offer(engine::Multiplexer& multiplexer, engine::BufferPool& pool, engine::StreamId id,
             engine::ByteView message, engine::Channel channel = engine::Channel::kMain);

  // Reset forgets what was taken of a message: there is another stream.
  void Reset() { taken_ = 0; }

 private:
  size_t taken_ = 0;  // Of the message that was offered last.
};

}  // namespace relay
