// AssumeRole: from who one is to a role's session.
//
//     input --> one-time code --> trust policy and policies: sts:AssumeRole,
//               sts:TagSession (with tags), sts:SetSourceIdentity (with one) --> credentials
//
// What the next session inherits: the source identity, and the tags that were made transitive. MFA
// counts for the trust policy, and is not inherited: a role's session never has
// aws:MultiFactorAuthPresent, as with AWS.

#pragma once

#include <cstdint>

#include "relay/api/api_call.h"

namespace relay::sts {

inline constexpr int64_t kRoleSessionMaxSeconds = 12 * 3600;  // Each role has its own below this.
inline constexpr int64_t kRoleSessionSeconds = 3600;          // If nothing is said.

// A role that is assumed from a role's session lasts an hour at most.
inline constexpr int64_t kChainedSessionMaxSeconds = 3600;

inline constexpr size_t kSessionPolicySizeMax = 2'048;
inline constexpr size_t kSessionPolicyArnsMax = 10;

ApiOutcome AssumeRole(ApiContext& context, ApiCall& call);

}  // namespace relay::sts
