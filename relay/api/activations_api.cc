#include "relay/api/activations_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/crypto/digest.h"
#include "engine/crypto/uuid.h"
#include "relay/access/resource_arn.h"
#include "relay/api/api_input.h"
#include "relay/api/node_certificates.h"
#include "relay/api/registration.h"
#include "relay/api/resource_tags.h"
#include "relay/store/identifiers.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using Presence = ApiInput::Presence;

constexpr size_t kNameSizeMax = 256;
constexpr size_t kRequestSizeMax = 16 * 1024;

bool IsVersion(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

bool HoldsActivation(Store& store, const Json& object, int64_t now_unix_ms) {
  ApiInput input(object);
  const std::string id = input.Text("ActivationId", Presence::kRequired, 1, kActivationIdSizeMax);
  const std::string code =
      input.Text("ActivationCode", Presence::kRequired, 1, kActivationCodeSizeMax);
  if (input.error().has_value()) return false;
  const absl::StatusOr<Activation> activation = CheckCode(store, id, code);
  return activation.ok() && now_unix_ms < activation->expires_unix_ms &&
         activation->registration_count < activation->registration_limit;
}

NewActivation MakeActivation(int64_t now_unix_ms, int64_t expires_unix_ms,
                             uint32_t registration_limit) {
  NewActivation made;
  made.code = NewToken();
  made.activation.id = engine::crypto::NewUuid();
  made.activation.code_sha256 = engine::crypto::Sha256(engine::AsBytes(made.code));
  made.activation.registration_limit = registration_limit;
  made.activation.created_unix_ms = now_unix_ms;
  made.activation.expires_unix_ms = expires_unix_ms;
  return made;
}

ApiOutcome CreateActivation(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string role = input.Line("IamRole", Presence::kOptional, 0, 64);
  const std::string description = input.Line("Description", Presence::kOptional, 0, 256);
  const std::string node_name =
      input.Line("DefaultInstanceName", Presence::kOptional, 0, kNameSizeMax);
  const int64_t limit = input.Integer("RegistrationLimit", 1, 1000).value_or(1);
  const int64_t expires =
      input.Timestamp("ExpirationDate").value_or(call.now_unix_ms + kActivationDefaultMs);
  std::optional<ApiError> error = input.error();
  const std::vector<IamTag> tags = ReadTagList(call.input, "Tags", error);
  if (error.has_value()) return error;
  if (expires <= call.now_unix_ms || expires > call.now_unix_ms + kActivationMaxMs) {
    return ApiError{"InvalidParameters",
                    "ExpirationDate must be in the future and at most 30 days ahead."};
  }
  NewActivation made = MakeActivation(call.now_unix_ms, expires, static_cast<uint32_t>(limit));
  made.activation.iam_role = role;
  made.activation.description = description;
  made.activation.default_node_name = node_name;
  if (absl::Status status = context.store.AddActivation(made.activation); !status.ok()) {
    return LogStoreFailure(status);
  }
  if (std::optional<ApiError> failed =
          PutTags(context.store, ActivationArn(made.activation.id), tags)) {
    return failed;
  }
  call.output = {{"ActivationId", made.activation.id}, {"ActivationCode", made.code}};
  call.audit.response_elements = Json({{"activationId", made.activation.id}}).dump();
  return std::nullopt;
}

ApiOutcome EnrollNode(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string activation_id =
      input.Text("ActivationId", Presence::kRequired, 1, kActivationIdSizeMax);
  const std::string code =
      input.Text("ActivationCode", Presence::kRequired, 1, kActivationCodeSizeMax);
  const std::string request_pem =
      input.Text("CertificateRequest", Presence::kRequired, 1, kRequestSizeMax);
  Node node;
  node.name = input.Line("Name", Presence::kOptional, 0, kNameSizeMax);
  const std::string host_name = input.Line("HostName", Presence::kOptional, 0, kNameSizeMax);
  node.platform = input.Line("Platform", Presence::kOptional, 0, kNameSizeMax);
  node.agent_version = input.Line("AgentVersion", Presence::kOptional, 0, 64);
  if (input.error().has_value()) return input.error();
  if (!IsVersion(node.agent_version)) {
    return ApiError{"ValidationException", "AgentVersion must be numbers with dots between them."};
  }

  std::variant<Activation, ApiError> used = UseActivation(context, call, activation_id, code);
  if (auto* error = std::get_if<ApiError>(&used)) return std::move(*error);
  if (std::optional<ApiError> error =
          AddNode(context, call, std::get<Activation>(used), host_name, node)) {
    return error;
  }
  const absl::StatusOr<std::string> certificate =
      context.certificates.Issue(node.id, request_pem, call.now_unix_ms);
  if (!certificate.ok()) {
    return ApiError{"ValidationException",
                    "CertificateRequest is not a PKCS #10 request that is signed by its own P-256 "
                    "key."};
  }
  call.output = {{"NodeId", node.id},
                 {"Name", node.name},
                 {"Certificate", *certificate},
                 {"CertificateAuthority", context.certificates.authority_pem()}};
  call.audit.principal = node.id;
  call.audit.response_elements = Json({{"nodeId", node.id}}).dump();
  return std::nullopt;
}

}  // namespace relay
