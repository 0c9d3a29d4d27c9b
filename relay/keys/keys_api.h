// KMS's calls for data keys (JSON 1.1, targets TrentService.*).

#pragma once

#include <span>

#include "relay/api/api_route.h"

namespace relay::keys {

std::span<const ApiRoute> KeysRoutes();

}  // namespace relay::keys
