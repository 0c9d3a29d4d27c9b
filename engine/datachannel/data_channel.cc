#include "engine/datachannel/data_channel.h"

#include <array>

#include "engine/base/check.h"
#include "engine/datachannel/agent_payloads.h"

namespace engine::datachannel {

DataChannel::DataChannel(Side side, const DataChannelOptions& options, StreamConsumer& consumer,
                         uint64_t seed)
    : side_(side),
      sender_(outgoing(), options.sender, seed),
      receiver_(options.receiver, consumer),
      random_(~seed) {}

MessageType DataChannel::outgoing() const {
  return side_ == Side::kClient ? MessageType::kInputStreamData : MessageType::kOutputStreamData;
}

MessageType DataChannel::incoming() const {
  return side_ == Side::kClient ? MessageType::kOutputStreamData : MessageType::kInputStreamData;
}

void DataChannel::Disconnected() {
  is_connected_ = false;
  UpdateStopped();
}

// Acknowledgements that were not sent yet are sent on the new connection: a client that has them
// need not be told twice, and one that lost others repeats.
void DataChannel::Connected() {
  is_connected_ = true;
  is_paused_ = false;
  UpdateStopped();
  sender_.Restart();
}

void DataChannel::Resume() {
  is_paused_ = false;
  UpdateStopped();
}

bool DataChannel::Receive(const AgentMessage& message, Instant now) {
  if (message.type == incoming()) {
    Resume();
    if (acknowledgements_.full()) return true;
    if (receiver_.Receive(message)) Acknowledge(message.id, message.sequence);
    const auto late = receiver_.TakeLate();
    if (late.has_value() && late->sequence != message.sequence) {
      Acknowledge(late->id, late->sequence);
    }
    return true;
  }
  switch (message.type) {
    case MessageType::kAcknowledge: {
      Resume();
      int64_t sequence = 0;
      if (DecodeAcknowledge(message.payload, sequence)) sender_.Acknowledged(sequence, now);
      return true;
    }
    case MessageType::kPausePublication:
      is_paused_ = side_ == Side::kMachine;  // Clients ignore it, as real ones do.
      UpdateStopped();
      return true;
    case MessageType::kStartPublication:
      Resume();
      return true;
    case MessageType::kInputStreamData:
    case MessageType::kOutputStreamData:
      return true;  // Our own direction: somebody sent it back. It says nothing.
    case MessageType::kChannelClosed:
    case MessageType::kAgentSessionState:
    case MessageType::kStartTask:
    case MessageType::kTaskComplete:
    case MessageType::kTaskAcknowledge:
      break;
  }
  return false;
}

void DataChannel::Retry() {
  receiver_.Retry();
  if (const auto late = receiver_.TakeLate()) Acknowledge(late->id, late->sequence);
}

// The consumer may have made us receive more meanwhile. What finds no place here is repeated.
void DataChannel::Acknowledge(const MessageId& id, int64_t sequence) {
  if (!acknowledgements_.full()) acknowledgements_.Push({.id = id, .sequence = sequence});
}

size_t DataChannel::NextMessage(Instant now, uint64_t created_ms, std::span<std::byte> out) {
  CHECK(out.size() >= kOutgoingSizeMax);
  if (!is_connected_) return 0;
  if (!acknowledgements_.empty()) return WriteAcknowledgement(created_ms, out);
  AgentMessage message;
  return sender_.Next(now, created_ms, message) ? Encode(message, out) : 0;
}

size_t DataChannel::WriteAcknowledgement(uint64_t created_ms, std::span<std::byte> out) {
  const Acknowledgement& next = acknowledgements_.front();
  std::array<char, kAcknowledgeTextMax> text;
  const size_t size =
      EncodeAcknowledge({.type = incoming(), .id = next.id, .sequence = next.sequence}, text);
  acknowledgements_.Pop();
  return Encode({.type = MessageType::kAcknowledge,
                 .created_ms = created_ms,
                 .flags = kFlagsOfAcknowledge,
                 .id = NewMessageId(random_),
                 .payload = AsBytes(std::string_view(text.data(), size))},
                out);
}

}  // namespace engine::datachannel
