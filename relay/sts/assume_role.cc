#include "relay/sts/assume_role.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "relay/access/authorise.h"
#include "relay/access/mfa_check.h"
#include "relay/access/resource_arn.h"
#include "relay/iam/iam_input.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"
#include "relay/sts/sts_api.h"

namespace relay::sts {
namespace {

using Json = nlohmann::json;

constexpr size_t kNameSizeMin = 2;
constexpr size_t kNameSizeMax = 64;
constexpr size_t kExternalIdSizeMax = 1'224;

ApiError Invalid(std::string message) { return {"ValidationError", std::move(message)}; }

// Wish is what a request asks for, within the limits that need no look at the role.
struct Wish {
  std::string role_arn;
  std::string session_name;
  std::string external_id;
  std::string source_identity;
  std::string policy;
  std::vector<std::string> policy_arns;
  std::vector<IamTag> tags;
  std::vector<std::string> transitive_tag_keys;
  int64_t seconds = kRoleSessionSeconds;
  std::string serial_number;
  std::string code;
};

// PolicyArns reads PolicyArns.member.N.arn.
std::vector<std::string> PolicyArns(const Json& input, iam::IamInput& reader) {
  std::vector<std::string> arns;
  const auto list = input.find("PolicyArns");
  if (list == input.end()) return arns;
  for (const Json& each : list->is_array() ? *list : Json::array({Json()})) {
    const auto arn = each.is_object() ? each.find("arn") : each.end();
    if (!each.is_object() || arn == each.end() || !arn->is_string()) {
      reader.Fail(Invalid("Each of PolicyArns must have an arn."));
      return {};
    }
    arns.push_back(arn->get<std::string>());
  }
  if (arns.size() > kSessionPolicyArnsMax) {
    reader.Fail({"LimitExceeded", "A session can have at most 10 managed policies.", 409});
  }
  return arns;
}

// NameOf is a name that has two characters at least.
std::string NameOf(iam::IamInput& input, const char* member, bool is_required) {
  std::string name =
      is_required ? input.Name(member, kNameSizeMax) : input.NameIfAny(member, kNameSizeMax);
  if (!name.empty() && name.size() < kNameSizeMin) {
    input.Fail(Invalid(std::string(member) + " must have at least two characters."));
  }
  return name;
}

Wish ReadWish(const Json& json, iam::IamInput& input) {
  Wish wish;
  wish.role_arn = input.Arn("RoleArn");
  wish.session_name = NameOf(input, "RoleSessionName", true);
  wish.external_id = input.TextIfAny("ExternalId", kExternalIdSizeMax);
  wish.source_identity = NameOf(input, "SourceIdentity", false);
  if (input.Has("Policy")) {
    wish.policy = input.Document("Policy", policy::DocumentKind::kIdentity);
    if (wish.policy.size() > kSessionPolicySizeMax) {
      input.Fail(Invalid("Policy must have at most 2048 characters."));
    }
  }
  wish.policy_arns = PolicyArns(json, input);
  wish.tags = input.Tags();
  wish.transitive_tag_keys = input.Texts("TransitiveTagKeys", iam::kTagsMax, 128);
  wish.seconds = input.Integer("DurationSeconds", kSessionMinSeconds, kRoleSessionMaxSeconds,
                               kRoleSessionSeconds);
  wish.serial_number = input.TextIfAny("SerialNumber", 256);
  wish.code = input.TextIfAny("TokenCode", 6);
  return wish;
}

bool HasKey(const std::vector<IamTag>& tags, const std::string& key) {
  return std::ranges::find(tags, key, &IamTag::key) != tags.end();
}

// Inherit adds what a role's session hands on to the next one.
std::optional<ApiError> Inherit(const Caller& caller, Wish& wish) {
  for (const std::string& key : wish.transitive_tag_keys) {
    if (!HasKey(wish.tags, key)) {
      return Invalid("TransitiveTagKeys names '" + key + "', which is not among Tags.");
    }
  }
  if (!caller.temporary.has_value() || caller.temporary->role_arn.empty()) return std::nullopt;
  const TemporarySession& session = *caller.temporary;
  for (const std::string& key : session.transitive_tag_keys) {
    if (HasKey(wish.tags, key)) {
      return Invalid("Tags has '" + key +
                     "', which the calling session passes on and which cannot be set again.");
    }
    const auto tag = std::ranges::find(session.tags, key, &IamTag::key);
    if (tag == session.tags.end()) continue;
    wish.tags.push_back(*tag);
    wish.transitive_tag_keys.push_back(key);
  }
  if (session.source_identity.empty()) return std::nullopt;
  if (!wish.source_identity.empty() && wish.source_identity != session.source_identity) {
    return Invalid("SourceIdentity is '" + session.source_identity +
                   "' in the calling session and cannot be changed.");
  }
  wish.source_identity = session.source_identity;
  return std::nullopt;
}

// Keys are those of the request, for all of the actions.
ConditionKeys KeysOf(const Wish& wish, bool with_code) {
  ConditionKeys keys = {{"sts:RoleSessionName", {wish.session_name}}};
  if (!wish.external_id.empty()) keys.emplace_back("sts:ExternalId", std::vector{wish.external_id});
  if (!wish.source_identity.empty()) {
    keys.emplace_back("sts:SourceIdentity", std::vector{wish.source_identity});
  }
  std::vector<std::string> names;
  for (const IamTag& tag : wish.tags) {
    keys.emplace_back("aws:RequestTag/" + tag.key, std::vector{tag.value});
    names.push_back(tag.key);
  }
  if (!names.empty()) keys.emplace_back("aws:TagKeys", std::move(names));
  if (!wish.transitive_tag_keys.empty()) {
    keys.emplace_back("sts:TransitiveTagKeys", wish.transitive_tag_keys);
  }
  if (with_code) {
    keys.emplace_back("aws:MultiFactorAuthPresent", std::vector<std::string>{"true"});
    keys.emplace_back("aws:MultiFactorAuthAge", std::vector<std::string>{"0"});
  }
  return keys;
}

// FindRole returns the role of an ARN, or NotFound.
absl::StatusOr<IamEntity> FindRole(IamStore& iam, const std::string& arn) {
  absl::StatusOr<IamEntity> role = iam.FindEntity(IamKind::kRole, arn.substr(arn.rfind('/') + 1));
  if (role.ok() && role->Arn() != arn) return absl::NotFoundError("another path or account");
  return role;
}

// Allow asks for everything that the wish takes.
std::optional<ApiError> Allow(ApiContext& context, const ApiCall& call, const Wish& wish,
                              const IamEntity& role, bool with_code) {
  AccessCase asked = call.access;
  asked.question = {.action = "sts:AssumeRole",
                    .resources = {{.arn = wish.role_arn, .tag_owner = role.id, .tags = {}}},
                    .keys = KeysOf(wish, with_code),
                    .trust_role_id = role.id};
  if (absl::Status status = context.authoriser.ReadTags(asked.question); !status.ok()) {
    return LogStoreFailure(status);
  }
  std::vector<const char*> actions = {"sts:AssumeRole"};
  if (!wish.tags.empty()) actions.push_back("sts:TagSession");
  if (!wish.source_identity.empty()) actions.push_back("sts:SetSourceIdentity");
  for (const char* action : actions) {
    asked.question.action = action;
    if (std::optional<ApiError> denied = context.authoriser.Check(asked, call.now_unix_ms)) {
      return denied;
    }
  }
  return std::nullopt;
}

std::optional<ApiError> CheckDuration(const Caller& caller, const IamEntity& role,
                                      int64_t seconds) {
  const bool is_chained = caller.temporary.has_value() && !caller.temporary->role_arn.empty();
  if (is_chained && seconds > kChainedSessionMaxSeconds) {
    return Invalid(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
        "chaining.");
  }
  if (seconds > role.session_max_seconds) {
    return Invalid(
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  return std::nullopt;
}

}  // namespace

ApiOutcome AssumeRole(ApiContext& context, ApiCall& call) {
  iam::IamInput input(call.input);
  Wish wish = ReadWish(call.input, input);
  if (input.error().has_value()) return input.error();
  if (std::optional<ApiError> error = Inherit(call.caller, wish)) return error;
  const bool with_code = !wish.serial_number.empty() || !wish.code.empty();
  if (with_code) {
    std::optional<ApiError> wrong = context.mfa.Check(
        context.store, call.caller.entity_id, wish.serial_number, wish.code, call.now_unix_ms);
    if (wrong.has_value()) return wrong;
  }
  absl::StatusOr<IamEntity> role = FindRole(context.store.Iam(), wish.role_arn);
  if (absl::IsNotFound(role.status())) {
    // It is refused as one that trusts nobody: which roles there are is not told.
    role = IamEntity{.kind = IamKind::kRole, .id = std::string(kNoRole)};
  }
  if (!role.ok()) return LogStoreFailure(role.status());
  if (std::optional<ApiError> denied = Allow(context, call, wish, *role, with_code)) return denied;
  if (std::optional<ApiError> error = CheckDuration(call.caller, *role, wish.seconds)) return error;

  TemporaryPrincipal principal{
      .entity_id = role->id,
      .issuer_key_id = {},
      .session = {.role_arn = wish.role_arn,
                  .name = wish.session_name,
                  .issued_unix_ms = call.now_unix_ms,
                  .mfa_unix_ms = std::nullopt,
                  .policies = {},
                  .policy_arns = std::move(wish.policy_arns),
                  .tags = std::move(wish.tags),
                  .transitive_tag_keys = std::move(wish.transitive_tag_keys),
                  .source_identity = wish.source_identity},
      .expires_unix_ms = call.now_unix_ms + wish.seconds * 1000};
  if (!wish.policy.empty()) principal.session.policies.push_back(std::move(wish.policy));
  TemporaryCredentials issued;
  if (std::optional<ApiError> error =
          IssueCredentials(context, principal, NewIamId("ASIA"), call, issued)) {
    return error;
  }
  call.output["AssumedRoleUser"] = {{"AssumedRoleId", role->id + ":" + wish.session_name},
                                    {"Arn", AssumedRoleArn(role->name, wish.session_name)}};
  call.output["PackedPolicySize"] = issued.packed_percent;
  if (!wish.source_identity.empty()) call.output["SourceIdentity"] = wish.source_identity;
  return std::nullopt;
}

}  // namespace relay::sts
