// Goal: no text makes the reader of the handshake crash, and what was read stays the same when it
// is written and read again.
// Method: each text is read as each message of the handshake, written, and read once more.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/check.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_version.h"

namespace {

using namespace engine::datachannel;  // NOLINT: a fuzz target of this one folder.

template <class Message>
bool Check(engine::ByteView payload, Message& message) {
  if (!Decode(payload, message)) return false;
  const std::string text = Encode(message);
  // Escapes and replaced bytes may make a text longer than what is read.
  Message again;
  if (text.size() > kHandshakeSizeMax || !Decode(engine::AsBytes(text), again)) return true;
  CHECK(Encode(again) == text);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const engine::ByteView payload = std::as_bytes(std::span(data, size));
  HandshakeRequest request;
  if (Check(payload, request)) (void)MultiplexesPorts(request.agent_version);
  HandshakeResponse response;
  if (Check(payload, response)) (void)HandshakeFailure(response);
  HandshakeComplete complete;
  Check(payload, complete);
  EncryptionChallenge challenge;
  Check(payload, challenge);
  return 0;
}
