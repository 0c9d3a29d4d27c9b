#pragma once

#include <cstddef>

#include "engine/base/time.h"
#include "engine/datachannel/data_channel.h"
#include "relay/gateway/message_batch.h"

namespace relay {

// TakeOutgoing takes the messages that `channel` has to send, as long as less than `unsent_max`
// bytes are not handed to the connection; `unsent` counts them.
MessageBatch TakeOutgoing(engine::datachannel::DataChannel& channel, engine::Instant now,
                          size_t unsent_max, size_t& unsent);

}  // namespace relay
