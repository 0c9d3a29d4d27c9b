// AddTagsToResource, RemoveTagsFromResource and ListTagsForResource, of nodes: what policies find
// in ssm:resourceTag/KEY.

#pragma once

#include "relay/access/access_case.h"
#include "relay/api/api_call.h"

namespace relay {

inline constexpr size_t kNodeTagsMax = 50;

ApiOutcome AddTagsToResource(ApiContext& context, ApiCall& call);
ApiOutcome RemoveTagsFromResource(ApiContext& context, ApiCall& call);
ApiOutcome ListTagsForResource(ApiContext& context, ApiCall& call);

// AskOfTaggedNode is about the node, with its tags, and those of the request.
void AskOfTaggedNode(ApiContext& context, const ApiCall& call, AccessQuestion& question);

}  // namespace relay
