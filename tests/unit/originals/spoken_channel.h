// One end of AWS's data channel by hand: how a message is said there, and how it hears what comes.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/check.h"
#include "engine/datachannel/agent_message.h"
#include "relay/gateway/channel_connection.h"
#include "relay/gateway/message_batch.h"

namespace relay {

// SpokenChannel counts what its session does with the bytes of its connections.
class SpokenChannel {
 public:
  using Type = engine::datachannel::MessageType;
  using Payload = engine::datachannel::PayloadType;

  virtual ~SpokenChannel() = default;

  static std::string Encoded(Type type, std::string_view payload, int64_t sequence,
                             Payload payload_type) {
    const engine::datachannel::AgentMessage message{.type = type,
                                                    .created_ms = 1,
                                                    .sequence = sequence,
                                                    .payload_type = payload_type,
                                                    .payload = engine::AsBytes(payload)};
    std::string bytes(engine::datachannel::kAgentPayloadOffset + payload.size(), '\0');
    engine::datachannel::Encode(message, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }
  // Decoded returns a view of `bytes`, which the session must have encoded well.
  static engine::datachannel::AgentMessage Decoded(engine::ByteView bytes) {
    engine::datachannel::AgentMessage message;
    CHECK(Decode(bytes, message) == engine::datachannel::AgentMessageError::kNone);
    return message;
  }

  // NewConnection is for the session, which gives it up before this end dies.
  std::unique_ptr<ChannelConnection> NewConnection() { return std::make_unique<Connection>(*this); }

  size_t unsent = 0;   // Of what was delivered, until somebody says that it was sent.
  size_t brought = 0;  // To the session ...
  size_t taken = 0;    // ... and done with.
  size_t dropped = 0;  // Connections.

 private:
  class Connection final : public ChannelConnection {
   public:
    explicit Connection(SpokenChannel& end) : end_(end) {}
    ~Connection() override { ++end_.dropped; }
    void Deliver(MessageBatch batch) override {
      end_.unsent += batch.bytes.size();
      for (BatchReader reader(batch); !reader.done(); reader.Pop()) end_.Hear(reader.front());
    }
    void Taken(size_t size) override { end_.taken += size; }
    void Close() override {}

   private:
    SpokenChannel& end_;
  };

  // Hear is one message that came, encoded.
  virtual void Hear(engine::ByteView bytes) = 0;
};

}  // namespace relay
