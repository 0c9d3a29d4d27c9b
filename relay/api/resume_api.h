#pragma once

#include "relay/api/api_call.h"

namespace relay {

// ResumeSession gives an AWS client that lost its connection another token. Of a session that is
// over the answer has none: that is what clients take for an end; after an error they would go on
// trying and then wait for ever.
ApiOutcome ResumeSession(ApiContext& context, ApiCall& call);

}  // namespace relay
