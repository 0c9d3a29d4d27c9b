// What each operation of the ssm service has to be allowed for: the resources of its action, as
// AWS's Service Authorization Reference has them, and the keys of its request.

#pragma once

#include <string>
#include <string_view>

#include "engine/wire/session_plan.h"
#include "relay/access/access_case.h"
#include "relay/api/api_call.h"

namespace relay {

// A node's name is as good as its id where no other node has it: the request's Target becomes the
// id. The node and the document must both be allowed (ssm:SessionDocumentAccessCheck is always on),
// and adit:SessionType, adit:RemoteHost and adit:RemotePort say what the document makes of the
// wish.
void AskStartSession(ApiContext& context, ApiCall& call, AccessQuestion& question);

// A session has the tags that AWS gives it: who started it, and on which node.
void AskOfSession(ApiContext& context, ApiCall& call, AccessQuestion& question);

// The tags that the nodes of an activation will have are those of its request.
void AskCreateActivation(ApiContext& context, ApiCall& call, AccessQuestion& question);

// AskOfInstance is about the node under InstanceId.
void AskOfInstance(ApiContext& context, ApiCall& call, AccessQuestion& question);

void AskOfTarget(ApiContext& context, ApiCall& call, AccessQuestion& question);

// A lane is a part of its session: it is allowed as long as that is.
void AskOpenLane(ApiContext& context, ApiCall& call, AccessQuestion& question);

// What policies call the host of a forward.
inline constexpr std::string_view kRemoteHostKey = "adit:RemoteHost";

// DocumentTypeKey is the key ssm:DocumentType: there are session documents alone.
ConditionKeys::value_type DocumentTypeKey();

// PlanKeys are the keys adit:* of a session. Their values are AWS's session types, a host in lower
// case and without a dot at its end, and a port.
ConditionKeys PlanKeys(const engine::SessionPlan& plan);

}  // namespace relay
