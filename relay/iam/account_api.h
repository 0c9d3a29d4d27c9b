// The account as a whole; and what AWS's clients ask about before they delete something, of which
// there is nothing here.

#pragma once

#include "relay/api/api_call.h"
#include "relay/store/iam_store.h"

namespace relay::iam {

ApiOutcome GetAccountSummary(ApiContext& context, ApiCall& call);
ApiOutcome ListAccountAliases(ApiContext& context, ApiCall& call);
ApiOutcome GetAccountPasswordPolicy(ApiContext& context, ApiCall& call);

// GetLoginProfile and DeleteLoginProfile: nobody has a password.
ApiOutcome NoLoginProfile(ApiContext& context, ApiCall& call);

// Empty lists of things that a user or a role could have at AWS.
ApiOutcome ListInstanceProfilesForRole(ApiContext& context, ApiCall& call);
ApiOutcome ListSigningCertificates(ApiContext& context, ApiCall& call);
ApiOutcome ListSshPublicKeys(ApiContext& context, ApiCall& call);
ApiOutcome ListServiceSpecificCredentials(ApiContext& context, ApiCall& call);

}  // namespace relay::iam
