#include "relay/gateway/machine_handshake.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "engine/crypto/base64.h"
#include "engine/crypto/random_bytes.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/agent_version.h"

namespace relay {

using engine::datachannel::HandshakeComplete;
using engine::datachannel::HandshakeFailure;
using engine::datachannel::HandshakeRequest;
using engine::datachannel::HandshakeResponse;
using engine::datachannel::kActionEncryption;
using engine::datachannel::KnowsSeparateOutput;
using engine::datachannel::kOurAgentVersion;
using engine::datachannel::kStreamPayloadMax;
using engine::datachannel::ProcessedAction;

namespace {

constexpr size_t kChallengeSize = 16;
constexpr std::string_view kSeparateOutputNeedsUpdate =
    "Please update the session manager plugin to version 1.2.312.0 or later to see standard output "
    "and standard error apart.";
constexpr std::string_view kIsEncrypted = "This session is encrypted using AWS KMS.";

}  // namespace

std::string MachineHandshake::Request(engine::Instant now) {
  began_ = now;
  HandshakeRequest request;
  request.agent_version = kOurAgentVersion;
  request.session_type = grant_.client_terms.session_type;
  request.properties = grant_.client_terms.port;
  if (!grant_.plan.key_id.empty()) {
    std::array<std::byte, kChallengeSize> bytes;
    engine::crypto::FillRandom(bytes);
    challenge_ = engine::crypto::EncodeBase64(bytes);
    request.encryption = {.key_id = grant_.plan.key_id, .challenge = challenge_};
  }
  std::string json = Encode(request);
  if (json.size() > kStreamPayloadMax) json.clear();
  return json;
}

MachineHandshake::Answer MachineHandshake::Read(engine::ByteView payload) const {
  Answer answer;
  HandshakeResponse response;
  if (!Decode(payload, response)) {
    answer.failure = "The client's answer to the handshake cannot be read.";
    answer.reason = "No handshake.";
    return answer;
  }
  answer.failure = HandshakeFailure(response);
  answer.reason = "The client refused the handshake.";
  answer.client_version = response.client_version;
  if (grant_.plan.key_id.empty() || !answer.failure.empty()) return answer;
  const auto action =
      std::ranges::find(response.actions, kActionEncryption, &ProcessedAction::type);
  if (action == response.actions.end() || action->ciphertext_key.empty()) {
    answer.failure = "This session's document has a kmsKeyId, and the client sent no data key.";
    return answer;
  }
  answer.data_key = action->ciphertext_key;
  if (action->is_challenge_acknowledged) answer.challenge = challenge_;
  return answer;
}

std::string MachineHandshake::Complete(std::string_view client_version, engine::Instant now) const {
  HandshakeComplete complete;
  complete.duration_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now - began_).count();
  if (grant_.client_terms.separates_output && !KnowsSeparateOutput(client_version)) {
    complete.customer_message = kSeparateOutputNeedsUpdate;
  }
  if (!grant_.plan.key_id.empty()) {
    if (!complete.customer_message.empty()) complete.customer_message += "\n";
    complete.customer_message += kIsEncrypted;
  }
  return Encode(complete);
}

}  // namespace relay
