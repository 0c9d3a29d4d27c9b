// The client's part of a handshake: what it answers, and how it shows that it holds a session's
// data key.

#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"
#include "engine/crypto/payload_cipher.h"
#include "engine/datachannel/agent_handshake.h"

namespace client {

// DataKey is a data key of the session's own, as its key service made it.
struct DataKey {
  std::string plaintext;   // Secret.
  std::string ciphertext;  // Base64: the same, for the machine's key service.
};

bool IsKnownType(const std::string& session_type);

// AnswerTo makes the answer to a request; `key` is what became of the encryption that it asks for,
// if it does.
engine::datachannel::HandshakeResponse AnswerTo(
    const engine::datachannel::HandshakeRequest& request,
    const std::optional<absl::StatusOr<DataKey>>& key);

// AnswerToChallenge seals anew what the machine sealed. Nothing: it was not sealed with this key.
std::optional<std::string> AnswerToChallenge(engine::ByteView payload,
                                             engine::crypto::PayloadCipher& cipher);

}  // namespace client
