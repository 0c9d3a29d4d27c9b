// JSON of a policy, read strictly: what two readers could understand in two ways is refused.

#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace relay::policy {

// The largest text that IAM's API takes for a document (policyDocumentType).
inline constexpr size_t kPolicySizeMax = 131'072;
// A valid document nests 6 deep: document, statements, statement, condition, operator, values.
inline constexpr size_t kPolicyDepthMax = 8;

// ReadPolicyJson reads one JSON object. InvalidArgument: it is too large, nested too deeply, not
// JSON (with the place), not an object, or has a member twice.
absl::StatusOr<nlohmann::json> ReadPolicyJson(std::string_view text);

}  // namespace relay::policy
