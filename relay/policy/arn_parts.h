// An ARN's six parts: arn : partition : service : region : account : resource.

#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace relay::policy {

using ArnParts = std::array<std::string_view, 6>;

// SplitArn returns the parts of an ARN, or of a pattern of one, where the colons of ${...} are not
// those of the ARN. The resource may have colons. Nothing: it does not begin with arn:, or has
// fewer parts.
std::optional<ArnParts> SplitArn(std::string_view text);

}  // namespace relay::policy
