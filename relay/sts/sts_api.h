// Who am I, and temporary credentials of one's own.

#pragma once

#include <cstdint>
#include <string>

#include "relay/access/session_tokens.h"
#include "relay/api/api_call.h"

namespace relay::sts {

inline constexpr int64_t kSessionMinSeconds = 15 * 60;

// Of a user's own session: at most, and if nothing is said.
inline constexpr int64_t kUserSessionMaxSeconds = 36 * 3600;
inline constexpr int64_t kUserSessionSeconds = 12 * 3600;

ApiOutcome GetCallerIdentity(ApiContext& context, ApiCall& call);

// GetSessionToken is for users with their own access key; with a one-time code, their session has
// aws:MultiFactorAuthPresent.
ApiOutcome GetSessionToken(ApiContext& context, ApiCall& call);

// GetAccessKeyInfo tells the account of an access key, which is always the only one. Of temporary
// keys it is not known which were issued.
ApiOutcome GetAccessKeyInfo(ApiContext& context, ApiCall& call);

// IssueCredentials makes credentials under a new access key and writes them into the answer; the
// audit record gets all but the secrets. PackedPolicyTooLarge: they do not fit into a request.
std::optional<ApiError> IssueCredentials(ApiContext& context, const TemporaryPrincipal& principal,
                                         std::string access_key_id, ApiCall& call,
                                         TemporaryCredentials& issued);

}  // namespace relay::sts
