#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"

namespace relay {

// MessageBatch is some WebSocket messages in their order, in one piece of memory: what a connection
// and its session hand to each other, perhaps from one loop to another.
struct MessageBatch {
  std::string bytes;
  std::vector<uint32_t> sizes;

  // What it holds of memory, about: a message without a byte costs, too.
  size_t weight() const { return bytes.size() + sizes.size() * kMessageWeight; }
  static constexpr size_t kMessageWeight = 64;

  bool empty() const { return sizes.empty(); }
  void Add(engine::ByteView message) {
    bytes.append(engine::AsText(message));
    sizes.push_back(static_cast<uint32_t>(message.size()));
  }
};

// BatchReader goes through the messages of a batch, which must outlive it.
class BatchReader {
 public:
  explicit BatchReader(const MessageBatch& batch) : batch_(batch) {}

  bool done() const { return next_ == batch_.sizes.size(); }
  // front is the next message. Requires: !done().
  engine::ByteView front() const {
    return engine::AsBytes(std::string_view(batch_.bytes).substr(offset_, batch_.sizes[next_]));
  }
  void Pop() { offset_ += batch_.sizes[next_++]; }

 private:
  const MessageBatch& batch_;
  size_t next_ = 0;
  size_t offset_ = 0;
};

}  // namespace relay
