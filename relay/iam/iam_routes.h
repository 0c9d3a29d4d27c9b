// The operations of IAM.

#pragma once

#include <span>

#include "relay/api/api_route.h"

namespace relay::iam {

std::span<const ApiRoute> IamRoutes();

}  // namespace relay::iam
