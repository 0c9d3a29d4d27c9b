// Nodes: what they are, whether they are connected, and their end.

#pragma once

#include "relay/api/api_call.h"

namespace relay {

ApiOutcome DescribeInstanceInformation(ApiContext& context, ApiCall& call);
ApiOutcome GetConnectionStatus(ApiContext& context, ApiCall& call);

// In node_changes_api.cc:
ApiOutcome DeregisterManagedInstance(ApiContext& context, ApiCall& call);
ApiOutcome UpdateManagedInstanceRole(ApiContext& context, ApiCall& call);

}  // namespace relay
