// The operations of STS.

#pragma once

#include <span>

#include "relay/api/api_route.h"

namespace relay::sts {

std::span<const ApiRoute> StsRoutes();

}  // namespace relay::sts
