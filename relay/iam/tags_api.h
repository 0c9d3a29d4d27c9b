// Tags of users, roles, policies and MFA devices.

#pragma once

#include "relay/api/api_call.h"

namespace relay::iam {

enum class Tagged : uint8_t { kUser, kRole, kPolicy, kMfaDevice };

template <Tagged kWhat>
ApiOutcome TagIt(ApiContext& context, ApiCall& call);
template <Tagged kWhat>
ApiOutcome UntagIt(ApiContext& context, ApiCall& call);
template <Tagged kWhat>
ApiOutcome ListTagsOf(ApiContext& context, ApiCall& call);

}  // namespace relay::iam
