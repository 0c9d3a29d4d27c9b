// Users, groups and roles: made, changed, listed and deleted.

#pragma once

#include "relay/api/api_call.h"
#include "relay/store/iam_store.h"

namespace relay::iam {

// AWS's quotas.
inline constexpr int64_t kUsersMax = 5'000;
inline constexpr int64_t kGroupsMax = 300;
inline constexpr int64_t kRolesMax = 1'000;
inline constexpr size_t kGroupsOfUserMax = 10;

template <IamKind kKind>
ApiOutcome CreateEntity(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome GetEntity(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome UpdateNamed(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome DeleteEntity(ApiContext& context, ApiCall& call);
template <IamKind kKind>
ApiOutcome ListEntities(ApiContext& context, ApiCall& call);

ApiOutcome UpdateRole(ApiContext& context, ApiCall& call);
ApiOutcome UpdateRoleDescription(ApiContext& context, ApiCall& call);
ApiOutcome UpdateAssumeRolePolicy(ApiContext& context, ApiCall& call);

ApiOutcome AddUserToGroup(ApiContext& context, ApiCall& call);
ApiOutcome RemoveUserFromGroup(ApiContext& context, ApiCall& call);
ApiOutcome ListGroupsForUser(ApiContext& context, ApiCall& call);

}  // namespace relay::iam
