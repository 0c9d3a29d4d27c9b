// DeregisterManagedInstance and UpdateManagedInstanceRole.

#include <nlohmann/json.hpp>

#include "relay/access/resource_arn.h"
#include "relay/api/api_input.h"
#include "relay/api/nodes_api.h"
#include "relay/api/resource_tags.h"
#include "relay/broker/broker.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using Presence = ApiInput::Presence;

constexpr size_t kIdSizeMax = 64;
constexpr size_t kRoleSizeMax = 64;

std::optional<ApiError> ReadNode(ApiContext& context, ApiInput& input, Node& node) {
  const std::string id = input.Line("InstanceId", Presence::kRequired, 1, kIdSizeMax);
  if (input.error().has_value()) return input.error();
  absl::StatusOr<Node> found = context.store.FindNode(id);
  if (absl::IsNotFound(found.status())) {
    return ApiError{"InvalidInstanceId", "There is no node " + id + "."};
  }
  if (!found.ok()) return LogStoreFailure(found.status());
  node = *std::move(found);
  return std::nullopt;
}

}  // namespace

ApiOutcome DeregisterManagedInstance(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  Node node;
  if (std::optional<ApiError> error = ReadNode(context, input, node)) return error;
  if (absl::Status status = context.broker.DeregisterNode(node.id, call.now_unix_ms);
      !status.ok()) {
    return LogStoreFailure(status);
  }
  return RemoveAllTags(context.store, NodeArn(node.id));
}

ApiOutcome UpdateManagedInstanceRole(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  Node node;
  if (std::optional<ApiError> error = ReadNode(context, input, node)) return error;
  node.iam_role = input.Line("IamRole", Presence::kRequired, 1, kRoleSizeMax);
  if (input.error().has_value()) return input.error();
  if (absl::Status status = context.store.UpdateNode(node); !status.ok()) {
    return LogStoreFailure(status);
  }
  return std::nullopt;
}

}  // namespace relay
