#include "relay/api/originals_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/crypto/base64.h"
#include "engine/crypto/rsa_public_key.h"
#include "relay/access/session_tokens.h"
#include "relay/api/agent_polls.h"
#include "relay/api/api_input.h"
#include "relay/api/registration.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr size_t kTextSizeMax = 256;
constexpr size_t kKeySizeMax = 4 * 1024;
// Agents ask again at half of it.
constexpr int64_t kCredentialsMs = int64_t{3600} * 1000;

ApiError InvalidPublicKey() {
  return {"InvalidPublicKey",
          "The public key is not the Base64 of an RSA key of 2,048 to 8,192 bits "
          "(SubjectPublicKeyInfo)."};
}

bool IsRsaKey(const std::string& base64) {
  const std::optional<std::string> der = engine::crypto::DecodeBase64(base64);
  return der.has_value() && engine::crypto::RsaPublicKey::FromDer(engine::AsBytes(*der)).ok();
}

ApiOutcome FindCallersNode(ApiContext& context, const ApiCall& call, Node& node) {
  absl::StatusOr<Node> found = context.store.FindNode(call.caller.node_id);
  if (absl::IsNotFound(found.status())) {
    return ApiError{"InvalidInstanceId", "The node is not registered any more."};
  }
  if (!found.ok()) return LogStoreFailure(found.status());
  node = *std::move(found);
  return std::nullopt;
}

}  // namespace

ApiOutcome RegisterManagedInstance(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string activation_id =
      input.Text("ActivationId", Presence::kRequired, 1, kActivationIdSizeMax);
  const std::string code =
      input.Text("ActivationCode", Presence::kRequired, 1, kActivationCodeSizeMax);
  Node node;
  node.fingerprint = input.Line("Fingerprint", Presence::kOptional, 0, kTextSizeMax);
  node.public_key = input.Line("PublicKey", Presence::kRequired, 1, kKeySizeMax);
  const std::string key_type = input.Text("PublicKeyType", Presence::kOptional, 0, kTextSizeMax);
  if (input.error().has_value()) return input.error();
  if ((!key_type.empty() && key_type != "Rsa") || !IsRsaKey(node.public_key)) {
    return InvalidPublicKey();
  }
  std::variant<Activation, ApiError> used = UseActivation(context, call, activation_id, code);
  if (auto* error = std::get_if<ApiError>(&used)) return std::move(*error);
  if (std::optional<ApiError> error =
          AddNode(context, call, std::get<Activation>(used), {}, node)) {
    return error;
  }
  call.output = {{"InstanceId", node.id}};
  call.audit.principal = node.id;
  call.audit.response_elements = Json({{"instanceId", node.id}}).dump();
  return std::nullopt;
}

ApiOutcome RequestManagedInstanceRoleToken(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string fingerprint = input.Line("Fingerprint", Presence::kRequired, 1, kTextSizeMax);
  if (input.error().has_value()) return input.error();
  Node node;
  const ApiOutcome found = FindCallersNode(context, call, node);
  if (found.error().has_value()) return found;
  if (fingerprint != node.fingerprint) {
    return ApiError{"MachineFingerprintDoesNotMatch",
                    "The agent's state was made on another machine; register this one by itself."};
  }
  TemporaryPrincipal principal;
  principal.entity_id = node.id;
  principal.session.issued_unix_ms = call.now_unix_ms;
  principal.expires_unix_ms = call.now_unix_ms + kCredentialsMs;
  const absl::StatusOr<TemporaryCredentials> issued =
      context.tokens.Issue(NewIamId("ASIA"), principal);
  if (!issued.ok()) return LogStoreFailure(issued.status());
  call.output = {{"AccessKeyId", issued->access_key_id},
                 {"SecretAccessKey", issued->secret},
                 {"SessionToken", issued->token},
                 {"TokenExpirationDate", ToTimestamp(principal.expires_unix_ms)},
                 {"UpdateKeyPair", false}};
  call.audit.response_elements =
      Json({{"accessKeyId", issued->access_key_id}, {"sessionToken", kHiddenValue}}).dump();
  return std::nullopt;
}

ApiOutcome UpdateManagedInstancePublicKey(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string key = input.Line("NewPublicKey", Presence::kRequired, 1, kKeySizeMax);
  if (input.error().has_value()) return input.error();
  if (!IsRsaKey(key)) return InvalidPublicKey();
  Node node;
  const ApiOutcome found = FindCallersNode(context, call, node);
  if (found.error().has_value()) return found;
  node.public_key = key;
  const absl::Status status = context.store.UpdateNode(node);
  if (!status.ok()) return LogStoreFailure(status);
  return std::nullopt;
}

ApiOutcome UpdateInstanceInformation(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const auto text = [&input](const char* name) {
    return input.Line(name, Presence::kOptional, 0, kTextSizeMax);
  };
  const std::string version = input.Line("AgentVersion", Presence::kOptional, 0, 64);
  const std::string type = text("PlatformType");
  const std::string name = text("PlatformName");
  const std::string release = text("PlatformVersion");
  const std::string computer = text("ComputerName");
  if (input.error().has_value()) return input.error();
  Node node;
  const ApiOutcome found = FindCallersNode(context, call, node);
  if (found.error().has_value()) return found;
  if (!version.empty()) node.agent_version = version;
  if (!type.empty()) node.platform = type;
  if (!type.empty() && !name.empty()) node.platform += " " + name;
  if (!type.empty() && !release.empty()) node.platform += " " + release;
  // Nobody has given it a name yet.
  if (!computer.empty() && node.name == node.id) node.name = computer;
  node.source_ip = call.source_ip;
  node.last_seen_unix_ms = call.now_unix_ms;
  const absl::Status status = context.store.UpdateNode(node);
  if (!status.ok()) return LogStoreFailure(status);
  return std::nullopt;
}

ApiOutcome AnswerNothing(ApiContext&, ApiCall&) { return std::nullopt; }

ApiOutcome PollMessages(ApiContext& context, ApiCall&) {
  return ApiOutcome::Wait([&polls = context.polls](int64_t now_unix_ms, ApiResume resume) {
    polls.Add(now_unix_ms, std::move(resume));
  });
}

}  // namespace relay
