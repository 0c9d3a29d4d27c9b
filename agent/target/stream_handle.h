#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "agent/target/stream_coat.h"
#include "agent/target/stream_meter.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/mux/multiplexer.h"

namespace agent {

// What the multiplexer of the agent takes of one stream's output before it says "wait".
inline constexpr uint32_t kStreamOutputMax = 256 * 1024;

// StreamHandle is a target's end of its stream. Once the stream is over it is detached, and every
// call does nothing: the multiplexer may be gone by then, while the target still cleans up.
class StreamHandle {
 public:
  // With a `meter`, what passes is counted, and the stream's end reported.
  StreamHandle(engine::Multiplexer& multiplexer, engine::StreamId id,
               std::unique_ptr<StreamMeter> meter = nullptr)
      : multiplexer_(&multiplexer), id_(id), meter_(std::move(meter)) {}
  // Of a stream that wears `coat`, which outlives the handle.
  explicit StreamHandle(StreamCoat& coat) : coat_(&coat) {}
  StreamHandle(StreamHandle&&) = default;

  bool attached() const { return multiplexer_ != nullptr || coat_ != nullptr; }
  // True while the stream is there, on that link.
  bool IsOn(const engine::Multiplexer& link) const {
    return coat_ != nullptr ? coat_->IsOn(link) : multiplexer_ == &link;
  }

  // Detach forgets the stream. One that nobody has ended was given up by its opener.
  void Detach() { End(engine::CloseCode::kConnectionReset); }

  // Accept answers the open. False, and detached: it was closed meanwhile.
  bool Accept(engine::StreamEvents& target) {
    if (coat_ != nullptr) {
      coat_->Join(target);
      return true;
    }
    if (attached() && multiplexer_->Accept(id_, EventsFor(target))) return true;
    Detach();
    return false;
  }
  void Reject(engine::CloseCode code, std::string_view text) {
    if (StreamCoat* coat = std::exchange(coat_, nullptr)) return coat->Reset(code, text);
    if (engine::Multiplexer* multiplexer = End(code)) multiplexer->Reject(id_, code, text);
  }
  void Reset(engine::CloseCode code, std::string_view text) {
    if (StreamCoat* coat = std::exchange(coat_, nullptr)) return coat->Reset(code, text);
    if (engine::Multiplexer* multiplexer = End(code)) multiplexer->Reset(id_, code, text);
  }

  // Write returns how many bytes were taken; a detached stream takes, and drops, all.
  size_t Write(engine::Channel channel, engine::BufferRef payload) {
    const size_t size = payload.size();
    if (coat_ != nullptr) return coat_->Write(channel, std::move(payload));
    if (!attached()) return size;
    const size_t taken = multiplexer_->Write(id_, channel, std::move(payload));
    if (meter_ != nullptr) meter_->Wrote(taken);
    return taken;
  }
  // True while earlier output waits to be sent.
  bool has_output() const {
    if (coat_ != nullptr) return coat_->has_output();
    return attached() && multiplexer_->Writable(id_) < kStreamOutputMax;
  }
  // Writable is how much Write takes now; all of everything when detached.
  size_t writable() const {
    return attached() ? multiplexer_->Writable(id_) : size_t{kStreamOutputMax};
  }
  void Consume(size_t size) {
    if (coat_ != nullptr) return coat_->Consume(size);
    if (attached() && size > 0) multiplexer_->Consume(id_, size);
  }
  bool SendControl(std::string_view json) {
    if (coat_ != nullptr) return coat_->SendControl(json);
    return !attached() || multiplexer_->SendControl(id_, json);
  }
  void Finish() {
    if (coat_ != nullptr) return coat_->Finish();
    if (attached()) multiplexer_->Finish(id_);
  }

 private:
  engine::StreamEvents& EventsFor(engine::StreamEvents& target) {
    if (meter_ == nullptr) return target;
    meter_->Join(target);
    return *meter_;
  }
  // End detaches, and returns the multiplexer if this was the stream's end.
  engine::Multiplexer* End(engine::CloseCode code) {
    coat_ = nullptr;
    engine::Multiplexer* const multiplexer = std::exchange(multiplexer_, nullptr);
    if (multiplexer != nullptr && meter_ != nullptr) meter_->Over(code);
    return multiplexer;
  }

  engine::Multiplexer* multiplexer_ = nullptr;
  engine::StreamId id_ = engine::kLinkStream;
  StreamCoat* coat_ = nullptr;
  std::unique_ptr<StreamMeter> meter_;
};

}  // namespace agent
