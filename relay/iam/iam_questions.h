// What each operation of IAM has to be allowed for.

#pragma once

#include "relay/access/access_case.h"
#include "relay/api/api_call.h"

namespace relay::iam {

// Subject is the kind of thing that an action's resource is, as AWS's Service Authorization
// Reference has it.
enum class Subject : uint8_t { kUser, kGroup, kRole, kPolicy, kMfaDevice, kSource };

// Ask fills in that thing, with its tags, and the keys of the request: aws:RequestTag/*,
// aws:TagKeys, iam:PolicyARN, iam:PermissionsBoundary.
template <Subject kSubject>
void Ask(ApiContext& context, ApiCall& call, AccessQuestion& question);

}  // namespace relay::iam
