#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/time.h"
#include "engine/mux/multiplexer.h"

namespace agent {

// StreamMeter stands between a stream and its target where the relay cannot see the stream: it
// counts the bytes that pass, and says once how the stream ended. The target's StreamHandle owns
// it.
class StreamMeter final : public engine::StreamEvents {
 public:
  // Owner hears of a stream until it is over, and outlives it that long; not until the meter goes.
  class Owner {
   public:
    // Bytes passed. Called with every piece: cheap, please.
    virtual void OnStreamBytes(size_t to_node, size_t from_node) = 0;
    // The last call. `code` is the answer's or the end's, whoever gave it, and `text` what the
    // other side said with it.
    virtual void OnStreamOver(const StreamMeter& meter, engine::CloseCode code,
                              std::string_view text) = 0;

   protected:
    ~Owner() = default;
  };

  // `serial` names the stream to the owner, which opened it at `opened`.
  StreamMeter(Owner& owner, uint32_t serial, engine::Instant opened)
      : owner_(owner), serial_(serial), opened_(opened) {}
  ~StreamMeter() override { CHECK(over_); }  // Requires: the stream is over.
  StreamMeter(const StreamMeter&) = delete;
  StreamMeter& operator=(const StreamMeter&) = delete;

  uint32_t serial() const { return serial_; }
  engine::Instant opened() const { return opened_; }
  uint64_t to_node_bytes() const { return to_node_bytes_; }
  uint64_t from_node_bytes() const { return from_node_bytes_; }

  // For the handle. Join names the target, to which everything is passed on from now on; Wrote
  // counts what the multiplexer took; Over is the end, and says nothing when it is known already.
  void Join(engine::StreamEvents& target) { target_ = &target; }
  void Wrote(size_t size) {
    if (size == 0 || over_) return;
    from_node_bytes_ += size;
    owner_.OnStreamBytes(0, size);
  }
  // Cut tells the target of an end that neither side of the stream has asked for.
  void Cut(engine::CloseCode code, std::string_view text) {
    if (over_) return;
    Over(code, text);
    if (target_ != nullptr) target_->OnClosed(code, text);
  }
  void Over(engine::CloseCode code, std::string_view text = {}) {
    if (std::exchange(over_, true)) return;
    owner_.OnStreamOver(*this, code, text);
  }

 private:
  void OnData(engine::Channel channel, engine::BufferRef payload) override {
    to_node_bytes_ += payload.size();
    owner_.OnStreamBytes(payload.size(), 0);
    target_->OnData(channel, std::move(payload));
  }
  void OnControl(engine::ByteView message) override { target_->OnControl(message); }
  void OnWritable() override { target_->OnWritable(); }
  void OnFinished() override { target_->OnFinished(); }
  void OnClosed(engine::CloseCode code, std::string_view text) override {
    Over(code, text);
    target_->OnClosed(code, text);
  }

  Owner& owner_;
  const uint32_t serial_;
  const engine::Instant opened_;
  engine::StreamEvents* target_ = nullptr;
  uint64_t to_node_bytes_ = 0;
  uint64_t from_node_bytes_ = 0;
  bool over_ = false;
};

}  // namespace agent
