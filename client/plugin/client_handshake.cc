#include "client/plugin/client_handshake.h"

#include "client/plugin/plugin_arguments.h"
#include "engine/crypto/base64.h"

namespace client {

using engine::datachannel::ActionStatus;
using engine::datachannel::EncryptionChallenge;
using engine::datachannel::HandshakeRequest;
using engine::datachannel::HandshakeResponse;
using engine::datachannel::kActionEncryption;
using engine::datachannel::kActionSessionType;
using engine::datachannel::kSessionInteractive;
using engine::datachannel::kSessionNonInteractive;
using engine::datachannel::kSessionPort;
using engine::datachannel::kSessionShell;
using engine::datachannel::ProcessedAction;

namespace {

constexpr size_t kErrorMax = 512;  // An answer is one message, of 1,024 bytes.

ProcessedAction EncryptionAction(const HandshakeRequest::Encryption& wanted,
                                 const std::optional<absl::StatusOr<DataKey>>& key) {
  ProcessedAction action{.type = kActionEncryption};
  if (key.has_value() && key->ok()) {
    action.ciphertext_key = (*key)->ciphertext;
    action.is_challenge_acknowledged = !wanted.challenge.empty();
    return action;
  }
  action.status = ActionStatus::kFailed;
  action.error = key.has_value() ? std::string(key->status().message()).substr(0, kErrorMax)
                                 : "there is no data key";
  return action;
}

}  // namespace

bool IsKnownType(const std::string& session_type) {
  return session_type == kSessionShell || session_type == kSessionInteractive ||
         session_type == kSessionNonInteractive || session_type == kSessionPort;
}

HandshakeResponse AnswerTo(const HandshakeRequest& request,
                           const std::optional<absl::StatusOr<DataKey>>& key) {
  HandshakeResponse response;
  response.client_version = kPluginVersion;
  if (!request.session_type.empty()) {
    ProcessedAction action{.type = kActionSessionType};
    if (!IsKnownType(request.session_type)) {
      const std::string why = "Unknown session type " + request.session_type;
      action.status = ActionStatus::kFailed;
      action.error = "Failed to process action SessionType: " + why;
      response.errors.push_back(why);
    }
    response.actions.push_back(action);
  }
  if (request.encryption.has_value()) {
    response.actions.push_back(EncryptionAction(*request.encryption, key));
  }
  for (const std::string& unknown : request.unknown_actions) {
    response.actions.push_back({.type = unknown,
                                .status = ActionStatus::kUnsupported,
                                .error = "Unsupported action " + unknown});
  }
  return response;
}

std::optional<std::string> AnswerToChallenge(engine::ByteView payload,
                                             engine::crypto::PayloadCipher& cipher) {
  EncryptionChallenge challenge;
  if (!Decode(payload, challenge)) return std::nullopt;
  const std::optional<std::string> sealed = engine::crypto::DecodeBase64(challenge.challenge);
  if (!sealed.has_value()) return std::nullopt;
  std::string plain(sealed->size(), '\0');
  const std::optional<size_t> size =
      cipher.Open(engine::AsBytes(*sealed), std::as_writable_bytes(std::span(plain)));
  if (!size.has_value()) return std::nullopt;
  plain.resize(*size);
  std::string answer(plain.size() + engine::crypto::kPayloadOverhead, '\0');
  cipher.Seal(engine::AsBytes(plain), std::as_writable_bytes(std::span(answer)));
  return Encode(EncryptionChallenge{engine::crypto::EncodeBase64(engine::AsBytes(answer))});
}

}  // namespace client
