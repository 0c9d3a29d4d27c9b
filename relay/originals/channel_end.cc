#include "relay/originals/channel_end.h"

#include <algorithm>
#include <utility>

namespace relay {

using engine::Instant;

void ChannelEnd::Connect(std::unique_ptr<ChannelConnection> connection) {
  Disconnect();
  connection_ = std::move(connection);
}

// Who lost acknowledgements repeats what they were for, and is told again.
void ChannelEnd::Disconnect() {
  connection_.reset();
  notices_.clear();
  notice_bytes_ = 0;
  unsent_ = 0;
  untaken_ = 0;
  crossing_.Restart();
}

void ChannelEnd::Sent(size_t size) { unsent_ -= std::min(unsent_, size); }

void ChannelEnd::Tell(std::string message) {
  if (!connected() || notice_bytes_ + message.size() > kNoticeBytesMax) return;
  notice_bytes_ += message.size();
  notices_.push_back(std::move(message));
}

void ChannelEnd::SayLast(std::string_view message) {
  if (!connected()) return;
  MessageBatch batch;
  batch.Add(engine::AsBytes(message));
  connection_->Deliver(std::move(batch));
  connection_->Close();
  Disconnect();
}

void ChannelEnd::LetGo(bool holds) {
  if (holds || !connected() || untaken_ == 0) return;
  connection_->Taken(std::exchange(untaken_, 0));
}

MessageBatch ChannelEnd::Gather(Instant now) {
  MessageBatch batch;
  const auto add = [&](engine::ByteView message) {
    unsent_ += message.size();
    batch.Add(message);
  };
  for (; unsent_ < kUnsentMax && !notices_.empty(); notices_.pop_front()) {
    add(engine::AsBytes(notices_.front()));
    notice_bytes_ -= notices_.front().size();
  }
  while (unsent_ < kUnsentMax && crossing_.HasNext()) {
    const Crossing::Passing next = crossing_.Next(now);
    add(next.bytes);
    const bool is_done = next.type == engine::datachannel::PayloadType::kHandshakeComplete;
    if (!is_done || after_handshake_ == engine::Duration::zero()) continue;
    quiet_until_ = now + after_handshake_;
    break;
  }
  return batch;
}

void ChannelEnd::Run(Instant now) {
  crossing_.HandleDeadline(now);
  if (!connected() || now < quiet_until_) return;
  MessageBatch batch = Gather(now);
  if (!batch.empty()) connection_->Deliver(std::move(batch));
}

Instant ChannelEnd::NextDeadline(Instant now) const {
  Instant next = crossing_.NextDeadline();
  if (connected() && now < quiet_until_) next = std::min(next, quiet_until_);
  return next;
}

}  // namespace relay
