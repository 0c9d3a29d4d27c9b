// DescribeInstanceInformation, GetConnectionStatus.

#pragma once

#include "relay/api/api_call.h"

namespace relay {

std::optional<ApiError> DescribeInstanceInformation(ApiContext& context, ApiCall& call);
std::optional<ApiError> GetConnectionStatus(ApiContext& context, ApiCall& call);

}  // namespace relay
