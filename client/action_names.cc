#include "client/action_names.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "client/node_choice.h"
#include "client/say.h"

namespace client {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kNames[] = {
    "cloudtrail:LookupEvents",
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateGroup",
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:CreateVirtualMFADevice",
    "iam:DeactivateMFADevice",
    "iam:DeleteAccessKey",
    "iam:DeleteGroup",
    "iam:DeleteGroupPolicy",
    "iam:DeleteLoginProfile",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DeleteUser",
    "iam:DeleteUserPermissionsBoundary",
    "iam:DeleteUserPolicy",
    "iam:DeleteVirtualMFADevice",
    "iam:DetachGroupPolicy",
    "iam:DetachRolePolicy",
    "iam:DetachUserPolicy",
    "iam:EnableMFADevice",
    "iam:GetAccessKeyLastUsed",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountPasswordPolicy",
    "iam:GetAccountSummary",
    "iam:GetContextKeysForCustomPolicy",
    "iam:GetContextKeysForPrincipalPolicy",
    "iam:GetGroup",
    "iam:GetGroupPolicy",
    "iam:GetLoginProfile",
    "iam:GetMFADevice",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:GetUser",
    "iam:GetUserPolicy",
    "iam:ListAccessKeys",
    "iam:ListAccountAliases",
    "iam:ListAttachedGroupPolicies",
    "iam:ListAttachedRolePolicies",
    "iam:ListAttachedUserPolicies",
    "iam:ListEntitiesForPolicy",
    "iam:ListGroupPolicies",
    "iam:ListGroups",
    "iam:ListGroupsForUser",
    "iam:ListInstanceProfilesForRole",
    "iam:ListMFADeviceTags",
    "iam:ListMFADevices",
    "iam:ListPolicies",
    "iam:ListPolicyTags",
    "iam:ListPolicyVersions",
    "iam:ListRolePolicies",
    "iam:ListRoleTags",
    "iam:ListRoles",
    "iam:ListSSHPublicKeys",
    "iam:ListServiceSpecificCredentials",
    "iam:ListSigningCertificates",
    "iam:ListUserPolicies",
    "iam:ListUserTags",
    "iam:ListUsers",
    "iam:ListVirtualMFADevices",
    "iam:PassRole",
    "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:RemoveUserFromGroup",
    "iam:ResyncMFADevice",
    "iam:SetDefaultPolicyVersion",
    "iam:SimulateCustomPolicy",
    "iam:SimulatePrincipalPolicy",
    "iam:TagMFADevice",
    "iam:TagPolicy",
    "iam:TagRole",
    "iam:TagUser",
    "iam:UntagMFADevice",
    "iam:UntagPolicy",
    "iam:UntagRole",
    "iam:UntagUser",
    "iam:UpdateAccessKey",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateGroup",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
    "iam:UpdateUser",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "ssm:AddTagsToResource",
    "ssm:CreateActivation",
    "ssm:CreateDocument",
    "ssm:DeleteActivation",
    "ssm:DeleteDocument",
    "ssm:DeregisterManagedInstance",
    "ssm:DescribeActivations",
    "ssm:DescribeDocument",
    "ssm:DescribeDocumentPermission",
    "ssm:DescribeInstanceInformation",
    "ssm:DescribeSessions",
    "ssm:GetConnectionStatus",
    "ssm:GetDocument",
    "ssm:ListDocumentVersions",
    "ssm:ListDocuments",
    "ssm:ListTagsForResource",
    "ssm:RemoveTagsFromResource",
    "ssm:ResumeSession",
    "ssm:StartSession",
    "ssm:TerminateSession",
    "ssm:UpdateDocument",
    "ssm:UpdateDocumentDefaultVersion",
    "ssm:UpdateManagedInstanceRole",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "sts:AssumeRole",
    "sts:GetAccessKeyInfo",
    "sts:GetCallerIdentity",
    "sts:GetSessionToken",
    "sts:SetSourceIdentity",
    "sts:TagSession",
};

constexpr size_t kComparedMax = 128;  // No action is longer.

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return Lower(c); });
  return lower;
}

// Matches is how IAM compares: without case, * for any characters, ? for one.
bool Matches(std::string_view pattern, std::string_view name) {
  size_t at = 0;
  size_t star = std::string_view::npos;
  size_t tried = 0;
  for (size_t i = 0; i < name.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      tried = i;
    } else if (at < pattern.size() &&
               (pattern[at] == '?' || Lower(pattern[at]) == Lower(name[i]))) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++tried;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

std::string_view ServiceOf(std::string_view action) { return action.substr(0, action.find(':')); }

bool IsOurs(std::string_view service) {
  return std::ranges::any_of(
      kNames, [&](std::string_view name) { return Matches(service, ServiceOf(name)); });
}

// Nearest is the name that is the fewest changes away, if those are few.
std::optional<std::string_view> Nearest(std::string_view action) {
  const std::string wanted = Lower(action);
  std::optional<std::string_view> nearest;
  size_t least = 2 + action.size() / 6;
  for (const std::string_view name : kNames) {
    const size_t distance = EditDistance(Lower(name), wanted);
    if (distance >= least) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

void AddDoubts(const Json& actions, std::vector<std::string>& doubts) {
  if (actions.is_array()) {
    for (const Json& action : actions) AddDoubts(action, doubts);
  } else if (actions.is_string()) {
    std::string doubt = DoubtOfAction(actions.get_ref<const std::string&>());
    // What stands in several statements is said once.
    const bool is_new = std::ranges::find(doubts, doubt) == doubts.end();
    if (!doubt.empty() && is_new) doubts.push_back(std::move(doubt));
  }
}

}  // namespace

std::span<const std::string_view> ActionNames() { return kNames; }

std::string DoubtOfAction(std::string_view action) {
  const bool is_known =
      std::ranges::any_of(kNames, [&](std::string_view name) { return Matches(action, name); });
  if (is_known || action.size() > kComparedMax) return {};
  const std::optional<std::string_view> nearest = Nearest(action);
  // Of another service only what is one of ours but for a slip of the finger.
  const std::string_view service = ServiceOf(action);
  const bool is_slip = nearest.has_value() && EditDistance(ServiceOf(*nearest), service) <= 1 &&
                       action.substr(service.size()) == nearest->substr(ServiceOf(*nearest).size());
  if (!IsOurs(service) && !is_slip) return {};
  return "nothing that a relay does is called '" + Printable(action) + "'" +
         (nearest.has_value() ? "; did you mean " + std::string(*nearest) + "?"
                              : ", so it allows and denies nothing");
}

std::vector<std::string> DoubtsOfPolicy(std::string_view policy) {
  std::vector<std::string> doubts;
  const Json json = Json::parse(policy, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("Statement")) return doubts;
  const Json& statements = json["Statement"];
  for (const Json& statement : statements.is_array() ? statements : Json::array({statements})) {
    if (!statement.is_object()) continue;
    for (const char* member : {"Action", "NotAction"}) {
      if (statement.contains(member)) AddDoubts(statement[member], doubts);
    }
  }
  return doubts;
}

}  // namespace client
