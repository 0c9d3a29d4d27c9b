#include "relay/gateway/channel_closed.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "engine/crypto/random_bytes.h"
#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/http/amz_date.h"
#include "engine/platform/wall_clock.h"

namespace relay {

using engine::datachannel::kMessageIdTextSize;
using engine::datachannel::MessageId;

uint64_t CreatedNow() { return static_cast<uint64_t>(std::max<int64_t>(engine::UnixNowMs(), 1)); }

std::string ServiceMessage(engine::datachannel::MessageType type, std::string_view payload) {
  engine::datachannel::AgentMessage message;
  message.type = type;
  message.created_ms = CreatedNow();
  engine::crypto::FillRandom(message.id);
  message.payload = engine::AsBytes(payload);
  std::string bytes(engine::datachannel::kAgentPayloadOffset + payload.size(), '\0');
  engine::datachannel::Encode(message, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

std::string ChannelClosedMessage(std::string_view session_id, std::string_view node_id,
                                 std::string_view output, const std::optional<engine::Exit>& exit) {
  MessageId id;
  engine::crypto::FillRandom(id);
  std::array<char, kMessageIdTextSize> id_text;
  engine::datachannel::FormatMessageId(id, id_text);
  const uint64_t created = CreatedNow();
  std::array<char, 8> fraction;
  std::snprintf(fraction.data(), fraction.size(), ".%03uZ", static_cast<unsigned>(created % 1000));
  std::string date = engine::IsoDate(static_cast<int64_t>(created / 1000));
  date.replace(date.size() - 1, 1, fraction.data());

  engine::datachannel::ChannelClosed closed;
  closed.message_id = std::string(id_text.data(), id_text.size());
  closed.destination_id = node_id;
  closed.session_id = session_id;
  closed.created = date;
  closed.output = output.substr(0, engine::datachannel::kChannelOutputMax);
  if (exit.has_value()) {
    closed.exit_status = exit->status;
    closed.exit_signal = exit->signal;
  }
  return ServiceMessage(engine::datachannel::MessageType::kChannelClosed, Encode(closed));
}

}  // namespace relay
