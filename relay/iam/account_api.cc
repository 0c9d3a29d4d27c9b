#include "relay/iam/account_api.h"

#include <utility>

#include "relay/iam/credentials_api.h"
#include "relay/iam/entities_api.h"
#include "relay/iam/iam_error.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/iam/policies_api.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;

// EmptyList answers for an entity that has to be there.
ApiOutcome EmptyList(ApiContext& context, ApiCall& call, IamKind kind, const char* member) {
  Found<IamEntity> entity = FindNamed(context, call, kind);
  if (auto* error = std::get_if<ApiError>(&entity)) return std::move(*error);
  call.output = {{member, Json::array()}, {"IsTruncated", false}};
  return std::nullopt;
}

}  // namespace

ApiOutcome GetAccountSummary(ApiContext& context, ApiCall& call) {
  const absl::StatusOr<IamCounts> counts = context.store.Iam().Count();
  if (!counts.ok()) return ToError(counts.status());
  const std::pair<const char*, int64_t> facts[] = {{"Users", counts->users},
                                                   {"UsersQuota", kUsersMax},
                                                   {"Groups", counts->groups},
                                                   {"GroupsQuota", kGroupsMax},
                                                   {"Roles", counts->roles},
                                                   {"RolesQuota", kRolesMax},
                                                   {"Policies", counts->policies},
                                                   {"PoliciesQuota", kPoliciesMax},
                                                   {"PolicyVersionsInUse", counts->policy_versions},
                                                   {"PolicySizeQuota", kManagedSizeMax},
                                                   {"VersionsPerPolicyQuota", kVersionsMax},
                                                   {"AttachedPoliciesPerUserQuota", kAttachedMax},
                                                   {"AttachedPoliciesPerGroupQuota", kAttachedMax},
                                                   {"AttachedPoliciesPerRoleQuota", kAttachedMax},
                                                   {"UserPolicySizeQuota", kUserInlineSizeMax},
                                                   {"GroupPolicySizeQuota", kGroupInlineSizeMax},
                                                   {"RolePolicySizeQuota", kRoleInlineSizeMax},
                                                   {"AssumeRolePolicySizeQuota", kTrustSizeMax},
                                                   {"GroupsPerUserQuota", kGroupsOfUserMax},
                                                   {"AccessKeysPerUserQuota", kAccessKeysMax},
                                                   {"MFADevices", counts->mfa_devices},
                                                   {"MFADevicesInUse", counts->mfa_devices_in_use},
                                                   {"AccountMFAEnabled", 0},
                                                   {"AccountAccessKeysPresent", 0},
                                                   {"AccountPasswordPresent", 0},
                                                   {"Providers", 0},
                                                   {"InstanceProfiles", 0},
                                                   {"ServerCertificates", 0}};
  Json entries = Json::array();
  for (const auto& [name, value] : facts) entries.push_back({{"key", name}, {"value", value}});
  call.output["SummaryMap"]["entry"] = std::move(entries);
  return std::nullopt;
}

ApiOutcome ListAccountAliases(ApiContext&, ApiCall& call) {
  call.output = {{"AccountAliases", Json::array()}, {"IsTruncated", false}};
  return std::nullopt;
}

ApiOutcome GetAccountPasswordPolicy(ApiContext&, ApiCall&) {
  return NoSuchEntity("The Password Policy with domain name " + std::string(kAccountId) +
                      " cannot be found.");
}

ApiOutcome NoLoginProfile(ApiContext& context, ApiCall& call) {
  Found<IamEntity> user = FindNamed(context, call, IamKind::kUser);
  if (auto* error = std::get_if<ApiError>(&user)) return std::move(*error);
  return NoSuchEntity("Login Profile for User " + std::get<IamEntity>(user).name +
                      " cannot be found.");
}

ApiOutcome ListInstanceProfilesForRole(ApiContext& context, ApiCall& call) {
  return EmptyList(context, call, IamKind::kRole, "InstanceProfiles");
}
ApiOutcome ListSigningCertificates(ApiContext& context, ApiCall& call) {
  return EmptyList(context, call, IamKind::kUser, "Certificates");
}
ApiOutcome ListSshPublicKeys(ApiContext& context, ApiCall& call) {
  return EmptyList(context, call, IamKind::kUser, "SSHPublicKeys");
}
ApiOutcome ListServiceSpecificCredentials(ApiContext& context, ApiCall& call) {
  ApiOutcome outcome = EmptyList(context, call, IamKind::kUser, "ServiceSpecificCredentials");
  call.output.erase("IsTruncated");  // It was added late; an old client does not know it.
  return outcome;
}

}  // namespace relay::iam
