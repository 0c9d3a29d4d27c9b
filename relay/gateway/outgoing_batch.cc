#include "relay/gateway/outgoing_batch.h"

#include <array>

#include "relay/gateway/channel_closed.h"

namespace relay {

using engine::datachannel::DataChannel;

MessageBatch TakeOutgoing(DataChannel& channel, engine::Instant now, size_t unsent_max,
                          size_t& unsent) {
  MessageBatch batch;
  std::array<std::byte, DataChannel::kOutgoingSizeMax> message;
  while (unsent < unsent_max && channel.HasNext()) {
    const size_t size = channel.NextMessage(now, CreatedNow(), message);
    if (size == 0) break;
    unsent += size;
    batch.Add(engine::ByteView(message).first(size));
  }
  return batch;
}

}  // namespace relay
