#include "engine/datachannel/message_receiver.h"

namespace engine::datachannel {

bool MessageReceiver::Receive(const AgentMessage& message) {
  if (message.sequence < expected()) {
    ++repeated_count_;
    const bool was_numbered = message.sequence >= 0;
    if (was_numbered) Retry();
    return was_numbered;
  }
  if (const Ahead* ahead = window_.Find(message.sequence); ahead != nullptr) {
    ++repeated_count_;
    const bool was_acknowledged = ahead->is_acknowledged;
    Retry();
    return was_acknowledged || message.sequence < expected();
  }
  if (message.sequence != expected() || is_offering_) {
    if (Keep(message, /*is_acknowledged=*/true)) return true;
    ++dropped_count_;
    return false;
  }
  if (Offer(message)) return true;
  if (!Keep(message, /*is_acknowledged=*/false)) ++dropped_count_;
  return false;
}

bool MessageReceiver::Keep(const AgentMessage& message, bool is_acknowledged) {
  if (!window_.InRange(message.sequence)) return false;
  if (message.payload.size() > options_.ahead_bytes_max - ahead_bytes_) return false;
  Ahead& ahead = window_.Insert(message.sequence);
  ahead.type = message.payload_type;
  ahead.payload = AsText(message.payload);
  ahead.id = message.id;
  ahead.is_acknowledged = is_acknowledged;
  ahead_bytes_ += message.payload.size();
  return true;
}

bool MessageReceiver::Offer(const AgentMessage& message) {
  is_offering_ = true;
  const bool is_taken = consumer_.OnStreamData(message.payload_type, message.payload);
  is_offering_ = false;
  if (!is_taken) return false;
  window_.MoveBase(expected() + 1);
  Retry();
  return true;
}

void MessageReceiver::Retry() {
  if (is_offering_) return;
  for (;;) {
    const int64_t number = expected();
    const Ahead* ahead = window_.Find(number);
    if (ahead == nullptr) return;
    is_offering_ = true;
    const bool is_taken = consumer_.OnStreamData(ahead->type, AsBytes(ahead->payload));
    is_offering_ = false;
    if (!is_taken) return;
    if (!ahead->is_acknowledged) late_ = Late{ahead->id, number};
    ahead_bytes_ -= ahead->payload.size();
    window_.Erase(number);
    window_.MoveBase(number + 1);
  }
}

}  // namespace engine::datachannel
