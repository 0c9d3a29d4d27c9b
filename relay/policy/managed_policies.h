// The policies that every relay ships, so that the first user can be given something to do.

#pragma once

#include <span>
#include <string_view>

namespace relay::policy {

struct ManagedPolicy {
  std::string_view name;
  std::string_view arn;
  std::string_view description;
  // Its JSON, of DocumentKind::kIdentity.
  std::string_view document;
};

// ManagedPolicies returns AditAdmin, AditOperator and AditAuditor. They cannot be changed; who
// needs something else copies one.
std::span<const ManagedPolicy> ManagedPolicies();

}  // namespace relay::policy
