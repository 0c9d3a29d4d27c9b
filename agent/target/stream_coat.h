#pragma once

#include <cstddef>
#include <string_view>

#include "engine/buffer/buffer_pool.h"
#include "engine/mux/multiplexer.h"

namespace agent {

// StreamCoat is what a stream may wear between the multiplexer and a target, which then sees other
// bytes than the peer does. Its calls are those of StreamHandle; the stream is accepted already.
class StreamCoat {
 public:
  // Join names the target, which hears of the stream from now on.
  virtual void Join(engine::StreamEvents& target) = 0;
  virtual bool IsOn(const engine::Multiplexer& link) const = 0;
  virtual void Reset(engine::CloseCode code, std::string_view text) = 0;
  virtual size_t Write(engine::Channel channel, engine::BufferRef payload) = 0;
  virtual bool has_output() const = 0;
  virtual void Consume(size_t size) = 0;
  virtual bool SendControl(std::string_view json) = 0;
  virtual void Finish() = 0;

 protected:
  ~StreamCoat() = default;
};

}  // namespace agent
