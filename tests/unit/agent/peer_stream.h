#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "engine/buffer/buffer_pool.h"
#include "engine/mux/multiplexer.h"
#include "engine/wire/control.h"

namespace agent {

// PeerStream is the end of one stream at the node's peer: the relay, or a sealed session's client.
// It takes everything, unless it is told to hold.
class PeerStream final : public engine::StreamEvents {
 public:
  void OnAccepted() override { accepted = true; }
  void OnRejected(engine::CloseCode code, std::string_view text) override {
    rejected = code;
    reason = text;
  }
  void OnData(engine::Channel channel, engine::BufferRef payload) override {
    (channel == engine::Channel::kMain ? output : error).append(engine::AsText(payload.bytes()));
    if (holding) {
      held_bytes += payload.size();
    } else {
      multiplexer->Consume(id, payload.size());
    }
  }
  void OnControl(engine::ByteView message) override {
    engine::ControlMessage decoded;
    ASSERT_TRUE(engine::Decode(engine::AsText(message), decoded));
    ASSERT_TRUE(std::holds_alternative<engine::Exit>(decoded));
    EXPECT_FALSE(finished) << "the exit comes before the end of the output";
    exit = std::get<engine::Exit>(decoded);
  }
  void OnWritable() override { Feed(); }
  void OnFinished() override { finished = true; }
  void OnClosed(engine::CloseCode code, std::string_view text) override {
    closed = code;
    reason = text;
  }

  // Send queues `bytes` and, when `finish`, the end of what is sent.
  void Send(std::string bytes, bool finish = false) {
    to_send_ += bytes;
    finish_ = finish_ || finish;
    Feed();
  }
  void Release() {
    holding = false;
    multiplexer->Consume(id, held_bytes);
    held_bytes = 0;
  }
  bool over() const { return rejected.has_value() || closed.has_value(); }

  engine::Multiplexer* multiplexer = nullptr;
  engine::BufferPool* pool = nullptr;
  engine::StreamId id{};
  std::string output;
  std::string error;
  std::string reason;
  std::optional<engine::Exit> exit;
  std::optional<engine::CloseCode> rejected;
  std::optional<engine::CloseCode> closed;
  size_t held_bytes = 0;
  bool accepted = false;
  bool finished = false;
  bool holding = false;

 private:
  void Feed() {
    while (sent_ < to_send_.size()) {
      engine::BufferRef block = pool->Take();
      ASSERT_FALSE(block.empty());
      const size_t size = std::min(block.size(), to_send_.size() - sent_);
      std::copy_n(engine::AsBytes(to_send_).begin() + static_cast<ptrdiff_t>(sent_), size,
                  block.bytes().begin());
      const size_t taken = multiplexer->Write(id, engine::Channel::kMain, block.Share(0, size));
      sent_ += taken;
      if (taken < size) return;
    }
    if (finish_) multiplexer->Finish(id);
    finish_ = false;
  }

  std::string to_send_;
  size_t sent_ = 0;
  bool finish_ = false;
};

}  // namespace agent
