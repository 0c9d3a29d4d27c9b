// What several commands ask IAM: lists on all their pages, and which thing of IAM's a name means.

#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/api_client.h"
#include "client/client_options.h"

namespace client {

// IamList returns the entries of `list`, from all pages, as XML.
absl::StatusOr<std::vector<std::string>> IamList(ApiClient& api, const char* action,
                                                 ApiClient::Form form, const char* list);

// NounOf is "User", "Group" or "Role", as IAM's actions and members are named.
std::string NounOf(const IamSubject& subject);

// FindSubjectArn returns the ARN of a user, group or role.
absl::StatusOr<std::string> FindSubjectArn(ApiClient& api, const IamSubject& subject);

// IsOwnUser says whether the user of that name has the key that `api` signs with: who takes rights
// from himself, or deletes himself, has nobody left to ask for them.
absl::StatusOr<bool> IsOwnUser(ApiClient& api, const std::string& user);

// FindPolicyArn returns the ARN of a managed policy, which is named by its name or its ARN.
absl::StatusOr<std::string> FindPolicyArn(ApiClient& api, const std::string& policy);

}  // namespace client
