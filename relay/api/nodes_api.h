// DescribeInstanceInformation, GetConnectionStatus.

#pragma once

#include "relay/api/api_call.h"

namespace relay {

ApiOutcome DescribeInstanceInformation(ApiContext& context, ApiCall& call);
ApiOutcome GetConnectionStatus(ApiContext& context, ApiCall& call);

}  // namespace relay
