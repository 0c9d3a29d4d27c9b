// Activations, and EnrollNode, which an activation's code authorises.

#pragma once

#include "relay/api/api_call.h"
#include "relay/store/store.h"

namespace relay {

ApiOutcome CreateActivation(ApiContext& context, ApiCall& call);
ApiOutcome EnrollNode(ApiContext& context, ApiCall& call);

// In activation_list_api.cc:
ApiOutcome DescribeActivations(ApiContext& context, ApiCall& call);
ApiOutcome DeleteActivation(ApiContext& context, ApiCall& call);

// HoldsActivation is true when the input of a registration has the code of an activation that can
// be used now. Only looks; of an input or a store that is broken the operation tells.
bool HoldsActivation(Store& store, const nlohmann::json& input, int64_t now_unix_ms);

// NewActivation is an activation with a fresh id and code. The code is secret and told once.
struct NewActivation {
  Activation activation;
  std::string code;
};
NewActivation MakeActivation(int64_t now_unix_ms, int64_t expires_unix_ms,
                             uint32_t registration_limit);

inline constexpr int64_t kActivationDefaultMs = int64_t{24} * 3600 * 1000;
inline constexpr int64_t kActivationMaxMs = int64_t{30} * 24 * 3600 * 1000;

}  // namespace relay
