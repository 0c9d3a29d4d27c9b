// AddTagsToResource, RemoveTagsFromResource and ListTagsForResource, of nodes and documents: what
// policies find in ssm:resourceTag/KEY.

#pragma once

#include "relay/access/access_case.h"
#include "relay/api/api_call.h"

namespace relay {

ApiOutcome AddTagsToResource(ApiContext& context, ApiCall& call);
ApiOutcome RemoveTagsFromResource(ApiContext& context, ApiCall& call);
ApiOutcome ListTagsForResource(ApiContext& context, ApiCall& call);

// AskOfTagged is about the node or document, with its tags, and those of the request.
void AskOfTagged(ApiContext& context, ApiCall& call, AccessQuestion& question);

}  // namespace relay
