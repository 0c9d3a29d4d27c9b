// Goal: no bytes make the reader of AgentMessages or of the channel's own payloads crash, and what
// was read is written the same.
// Method: the bytes are read as a message, and its payload as everything that a payload can be; so
// that a fuzzer need not find a digest, they are read as a payload as well.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/check.h"
#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/agent_payloads.h"

namespace {

using namespace engine::datachannel;  // NOLINT: a fuzz target of this one folder.

void ReadPayload(engine::ByteView payload) {
  int64_t sequence = 0;
  if (DecodeAcknowledge(payload, sequence)) {
    std::array<char, kAcknowledgeTextMax> text;
    const size_t size = EncodeAcknowledge({.sequence = sequence}, text);
    int64_t again = 0;
    CHECK(DecodeAcknowledge(std::as_bytes(std::span(text).first(size)), again));
    CHECK(again == sequence);
  }
  ChannelClosed closed;
  if (Decode(payload, closed)) CHECK(Decode(engine::AsBytes(Encode(closed)), closed));
  WindowSize size;
  if (Decode(payload, size)) CHECK(Decode(engine::AsBytes(Encode(size)), size));
  SessionFlag flag{};
  if (Decode(payload, flag)) CHECK(Decode(Encode(flag), flag));
  SessionState state{};
  (void)Decode(payload, state);
  OpenDataChannel open;
  (void)Decode(engine::AsText(payload), open);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const engine::ByteView bytes = std::as_bytes(std::span(data, size));
  AgentMessage message;
  if (Decode(bytes, message) == AgentMessageError::kNone && !message.payload.empty()) {
    std::vector<std::byte> written(size);
    CHECK(Encode(message, written) == size);
    AgentMessage again;
    CHECK(Decode(written, again) == AgentMessageError::kNone);
    CHECK(again.sequence == message.sequence);
    CHECK(again.id == message.id);
    ReadPayload(message.payload);
  }
  ReadPayload(bytes);
  return 0;
}
