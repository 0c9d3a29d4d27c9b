#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/datachannel/agent_message.h"
#include "engine/wire/control.h"

namespace relay {

// CreatedNow is the time as messages carry it: unix milliseconds, never 0.
uint64_t CreatedNow();

// ServiceMessage is one message of the service's own, of at most kAgentPayloadMax bytes.
// Requires: a payload.
std::string ServiceMessage(engine::datachannel::MessageType type, std::string_view payload);

// ChannelClosedMessage is the service's last word to a client, as bytes of one message. `output` is
// for the client's user, and is cut to what such a message holds; `exit` is how the program ended,
// if there was one.
std::string ChannelClosedMessage(std::string_view session_id, std::string_view node_id,
                                 std::string_view output,
                                 const std::optional<engine::Exit>& exit = std::nullopt);

}  // namespace relay
