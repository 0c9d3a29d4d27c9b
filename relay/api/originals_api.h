// What an original agent (amazon-ssm-agent) calls: it registers by an activation's code, asks for
// credentials by its node's key, and reports with those.

#pragma once

#include "relay/api/api_call.h"

namespace relay {

// RegisterManagedInstance: what HoldsActivation looks at authorises it.
ApiOutcome RegisterManagedInstance(ApiContext& context, ApiCall& call);

// Signed with the node's key.
ApiOutcome RequestManagedInstanceRoleToken(ApiContext& context, ApiCall& call);
ApiOutcome UpdateManagedInstancePublicKey(ApiContext& context, ApiCall& call);

// Signed with the credentials of a node.
ApiOutcome UpdateInstanceInformation(ApiContext& context, ApiCall& call);

// AnswerNothing is for what agents report and ask beside sessions: commands and associations do not
// exist here, and an empty answer is what an agent without any gets.
ApiOutcome AnswerNothing(ApiContext& context, ApiCall& call);

// PollMessages answers nothing as well, some time later: an agent asks again at once.
ApiOutcome PollMessages(ApiContext& context, ApiCall& call);

}  // namespace relay
