#pragma once

#include <string_view>
#include <utility>

#include "engine/buffer/buffer_pool.h"
#include "engine/mux/multiplexer.h"

namespace agent {

// What the multiplexer of the agent takes of one stream's output before it says "wait".
inline constexpr uint32_t kStreamOutputMax = 256 * 1024;

// StreamHandle is a target's end of its stream. Once the stream is over it is detached, and every
// call does nothing: the multiplexer may be gone by then, while the target still cleans up.
class StreamHandle {
 public:
  StreamHandle(engine::Multiplexer& multiplexer, engine::StreamId id)
      : multiplexer_(&multiplexer), id_(id) {}

  bool attached() const { return multiplexer_ != nullptr; }
  void Detach() { multiplexer_ = nullptr; }

  // Accept answers the open. False, and detached: it was closed meanwhile.
  bool Accept(engine::StreamEvents& events) {
    if (attached() && multiplexer_->Accept(id_, events)) return true;
    Detach();
    return false;
  }
  void Reject(engine::CloseCode code, std::string_view text) {
    if (attached()) std::exchange(multiplexer_, nullptr)->Reject(id_, code, text);
  }
  void Reset(engine::CloseCode code, std::string_view text) {
    if (attached()) std::exchange(multiplexer_, nullptr)->Reset(id_, code, text);
  }

  // Write returns how many bytes were taken; a detached stream takes, and drops, all.
  size_t Write(engine::Channel channel, engine::BufferRef payload) {
    const size_t size = payload.size();
    return attached() ? multiplexer_->Write(id_, channel, std::move(payload)) : size;
  }
  // True while earlier output waits to be sent.
  bool has_output() const { return attached() && multiplexer_->Writable(id_) < kStreamOutputMax; }
  void Consume(size_t size) {
    if (attached() && size > 0) multiplexer_->Consume(id_, size);
  }
  bool SendControl(std::string_view json) {
    return !attached() || multiplexer_->SendControl(id_, json);
  }
  void Finish() {
    if (attached()) multiplexer_->Finish(id_);
  }

 private:
  engine::Multiplexer* multiplexer_;
  engine::StreamId id_;
};

}  // namespace agent
