#include "relay/api/registration.h"

#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"
#include "relay/access/resource_arn.h"
#include "relay/api/resource_tags.h"
#include "relay/store/identifiers.h"

namespace relay {

absl::StatusOr<Activation> CheckCode(Store& store, const std::string& id, const std::string& code) {
  absl::StatusOr<Activation> activation = store.FindActivation(id);
  if (!activation.ok() && !absl::IsNotFound(activation.status())) return activation;
  const Sha256Digest given = engine::crypto::Sha256(engine::AsBytes(code));
  const Sha256Digest wanted = activation.ok() ? activation->code_sha256 : Sha256Digest{};
  const bool same = engine::crypto::ConstantTimeEqual(given, wanted);
  if (!activation.ok() || !same) return absl::UnauthenticatedError("wrong id or code");
  return activation;
}

std::variant<Activation, ApiError> UseActivation(ApiContext& context, const ApiCall& call,
                                                 const std::string& id, const std::string& code) {
  absl::StatusOr<Activation> activation = CheckCode(context.store, id, code);
  if (absl::IsUnauthenticated(activation.status())) {
    return ApiError{"InvalidActivation",
                    "The activation ID or its code is not valid. Create a new activation, and use "
                    "the whole line that it prints."};
  }
  if (!activation.ok()) return LogStoreFailure(activation.status());
  if (call.now_unix_ms >= activation->expires_unix_ms) {
    return ApiError{"ActivationExpired", "The activation has expired. Create a new one."};
  }
  const absl::Status counted = context.store.CountRegistration(id);
  // A full disk has the same code; the count that was read tells them apart.
  if (absl::IsResourceExhausted(counted) &&
      activation->registration_count >= activation->registration_limit) {
    return ApiError{"RegistrationLimitExceeded",
                    "The activation was used as often as it may be. Create a new one."};
  }
  if (!counted.ok()) return LogStoreFailure(counted);
  return *std::move(activation);
}

std::optional<ApiError> AddNode(ApiContext& context, const ApiCall& call,
                                const Activation& activation, const std::string& host_name,
                                Node& node) {
  node.id = NewNodeId();
  if (node.name.empty()) node.name = activation.default_node_name;
  if (node.name.empty()) node.name = host_name;
  if (node.name.empty()) node.name = node.id;
  node.source_ip = call.source_ip;
  node.activation_id = activation.id;
  node.iam_role = activation.iam_role;
  node.registered_unix_ms = call.now_unix_ms;
  node.last_seen_unix_ms = call.now_unix_ms;
  if (absl::Status status = context.store.AddNode(node); !status.ok()) {
    return LogStoreFailure(status);
  }
  // The tags of an activation are those that its nodes begin with.
  const auto tags = context.store.Iam().ListTags(ActivationArn(activation.id));
  if (!tags.ok()) return LogStoreFailure(tags.status());
  return PutTags(context.store, NodeArn(node.id), *tags);
}

}  // namespace relay
