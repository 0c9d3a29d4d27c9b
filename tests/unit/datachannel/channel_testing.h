// What tests of a data channel share: decoded messages that own their bytes, and a consumer that
// takes what it is told to take.

#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/data_channel.h"

namespace engine::datachannel {

inline constexpr uint64_t kCreatedMs = 1'700'000'000'000;

class Collector final : public StreamConsumer {
 public:
  bool OnStreamData(PayloadType type, ByteView payload) override {
    if (!takes) return false;
    EXPECT_FALSE(payload.empty());
    types.push_back(type);
    text += AsText(payload);
    return true;
  }
  bool takes = true;
  std::string text;
  std::vector<PayloadType> types;
};

// NextBytes returns the channel's next message as it is on the wire, or an empty text.
inline std::string NextBytes(DataChannel& channel, Instant now) {
  std::array<std::byte, DataChannel::kOutgoingSizeMax> bytes;
  const size_t size = channel.NextMessage(now, kCreatedMs, bytes);
  return std::string(AsText(ByteView(bytes).first(size)));
}

inline void Deliver(DataChannel& channel, std::string_view bytes, Instant now) {
  AgentMessage message;
  ASSERT_EQ(Decode(AsBytes(bytes), message), AgentMessageError::kNone);
  EXPECT_TRUE(channel.Receive(message, now));
}

// InputData is what a client sends; its bytes are the caller's.
inline AgentMessage InputData(int64_t sequence, std::string_view payload) {
  return {.type = MessageType::kInputStreamData,
          .created_ms = kCreatedMs,
          .sequence = sequence,
          .payload_type = PayloadType::kOutput,
          .payload = AsBytes(payload)};
}

}  // namespace engine::datachannel
