// Policies: inline ones, managed ones with their versions, attachments and permission boundaries.

#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "relay/api/api_call.h"
#include "relay/iam/iam_lookup.h"
#include "relay/store/iam_store.h"

namespace relay::iam {

// AWS's quotas. Sizes count all but blanks; that of inline policies is for all of one entity.
inline constexpr size_t kUserInlineSizeMax = 2'048;
inline constexpr size_t kGroupInlineSizeMax = 5'120;
inline constexpr size_t kRoleInlineSizeMax = 10'240;
inline constexpr size_t kManagedSizeMax = 6'144;
inline constexpr size_t kAttachedMax = 10;
inline constexpr size_t kVersionsMax = 5;
inline constexpr int64_t kPoliciesMax = 1'500;

template <IamKind kKind>
ApiOutcome PutInline(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome GetInline(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome DeleteInline(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome ListInline(ApiContext& context, ApiCall& call);

template <IamKind kKind>
ApiOutcome AttachPolicy(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome DetachPolicy(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome ListAttachedPolicies(ApiContext& context, ApiCall& call);

template <IamKind kKind>
ApiOutcome PutBoundary(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome DeleteBoundary(ApiContext& context, ApiCall& call);

// PolicyDetail is a policy with all of its versions.
absl::StatusOr<nlohmann::json> PolicyDetail(ApiContext& context, const ManagedFacts& policy);

ApiOutcome CreatePolicy(ApiContext& context, ApiCall& call);
ApiOutcome GetPolicy(ApiContext& context, ApiCall& call);
ApiOutcome DeletePolicy(ApiContext& context, ApiCall& call);
ApiOutcome ListPolicies(ApiContext& context, ApiCall& call);
ApiOutcome CreatePolicyVersion(ApiContext& context, ApiCall& call);
ApiOutcome GetPolicyVersion(ApiContext& context, ApiCall& call);
ApiOutcome DeletePolicyVersion(ApiContext& context, ApiCall& call);
ApiOutcome ListPolicyVersions(ApiContext& context, ApiCall& call);
ApiOutcome SetDefaultPolicyVersion(ApiContext& context, ApiCall& call);
ApiOutcome ListEntitiesForPolicy(ApiContext& context, ApiCall& call);

}  // namespace relay::iam
