#include "relay/access/authorise.h"

#include <algorithm>
#include <utility>

#include "engine/base/log.h"
#include "engine/http/amz_date.h"
#include "relay/access/resource_arn.h"
#include "relay/policy/arn_parts.h"

namespace relay {
namespace {

constexpr std::string_view kPermanentKeyPrefix = "AKIA";

void AddAll(const ConditionKeys& keys, policy::RequestContext& context) {
  for (const auto& [name, values] : keys) context.Add(name, values);
}

void AddResourceTags(const AccessQuestion& question, const AccessResource& resource,
                     policy::RequestContext& context) {
  const std::string service = question.action.substr(0, question.action.find(':'));
  for (const IamTag& tag : resource.tags) {
    context.Add(service + ":resourceTag/" + tag.key, tag.value);
    context.Add("aws:ResourceTag/" + tag.key, tag.value);
  }
}

// AddResourceAccount is about what belongs to an account: AWS's own documents do not.
void AddResourceAccount(const AccessResource& resource, policy::RequestContext& context) {
  const auto parts = policy::SplitArn(resource.arn);
  if (parts.has_value() && !(*parts)[4].empty()) context.Add("aws:ResourceAccount", (*parts)[4]);
}

void AddTags(const std::vector<IamTag>& tags, policy::RequestContext& context) {
  for (const IamTag& tag : tags) context.Add("aws:PrincipalTag/" + tag.key, tag.value);
}

std::string Sentence(const AccessCase& asked, const std::string& resource, const std::string& why) {
  std::string text =
      "User: " + asked.caller.principal + " is not authorized to perform: " + asked.question.action;
  if (resource != "*") text += " on resource: " + resource;
  return text + " " + why;
}

ApiError Failed(const absl::Status& status) {
  engine::log::Write(engine::log::Level::kError, "store_failed",
                     {{"at", "authorise"}, {"why", status.ToString()}});
  return StoreFailure();
}

}  // namespace

void FillContext(const AccessCase& asked, const CompiledPrincipal& principal, int64_t now_unix_ms,
                 policy::RequestContext& context) {
  const Caller& caller = asked.caller;
  const TemporarySession* temporary = caller.temporary.has_value() ? &*caller.temporary : nullptr;
  const bool is_role = principal.entity.kind == IamKind::kRole;
  context.Add("aws:PrincipalArn", principal.entity.Arn());
  context.Add("aws:PrincipalAccount", kAccountId);
  context.Add("aws:PrincipalType", is_role ? "AssumedRole" : "User");
  context.Add("aws:userid", caller.UserId());
  if (!is_role) context.Add("aws:username", principal.entity.name);
  // The session's tags come first: the first value of a key counts.
  if (temporary != nullptr) AddTags(temporary->tags, context);
  AddTags(principal.tags, context);
  if (temporary != nullptr) {
    context.Add("aws:TokenIssueTime", engine::IsoDate(temporary->issued_unix_ms / 1000));
    context.Add("aws:MultiFactorAuthPresent",
                temporary->mfa_unix_ms.has_value() ? "true" : "false");
    if (temporary->mfa_unix_ms.has_value()) {
      const int64_t age_ms = std::max<int64_t>(asked.asked_unix_ms - *temporary->mfa_unix_ms, 0);
      context.Add("aws:MultiFactorAuthAge", std::to_string(age_ms / 1000));
    }
    if (!temporary->source_identity.empty()) {
      context.Add("aws:SourceIdentity", temporary->source_identity);
    }
  }
  context.Add("aws:CurrentTime", engine::IsoDate(now_unix_ms / 1000));
  context.Add("aws:EpochTime", std::to_string(now_unix_ms / 1000));
  if (!asked.source_ip.empty()) context.Add("aws:SourceIp", asked.source_ip);
  context.Add("aws:SecureTransport", "true");  // There is no other way in.
  context.Add("aws:ViaAWSService", "false");   // Nobody asks on behalf of somebody else.
  context.Add("aws:PrincipalIsAWSService", "false");
  context.Add("aws:RequestedRegion", caller.region.empty() ? kRegion : caller.region);
  if (!asked.user_agent.empty()) context.Add("aws:UserAgent", asked.user_agent);
}

Authoriser::Authoriser(Store& store) : store_(store), policies_(store.Iam()) {
  auto no_role = std::make_shared<CompiledPrincipal>();
  no_role->trust = std::make_unique<policy::PolicySet>(std::vector<policy::AttachedPolicy>());
  no_role_ = std::move(no_role);
}

absl::Status Authoriser::ReadTags(AccessQuestion& question) {
  for (AccessResource& resource : question.resources) {
    if (resource.tag_owner.empty()) continue;
    absl::StatusOr<std::vector<IamTag>> tags = store_.Iam().ListTags(resource.tag_owner);
    if (!tags.ok()) return tags.status();
    resource.tags = *std::move(tags);
  }
  return absl::OkStatus();
}

absl::StatusOr<Authoriser::Principal> Authoriser::Find(const AccessCase& asked) {
  Principal principal;
  auto entity = policies_.Of(asked.caller.entity_id);
  if (!entity.ok()) return entity.status();
  principal.entity = *std::move(entity);
  if (asked.caller.temporary.has_value()) {
    auto session = policies_.OfSession(asked.caller.access_key_id, *asked.caller.temporary);
    if (!session.ok()) return session.status();
    principal.session = *std::move(session);
  }
  if (asked.question.trust_role_id == kNoRole) {
    principal.trusting = no_role_;
  } else if (!asked.question.trust_role_id.empty()) {
    auto trusting = policies_.Of(asked.question.trust_role_id);
    if (!trusting.ok()) return trusting.status();
    principal.trusting = *std::move(trusting);
  }
  return principal;
}

policy::Policies Authoriser::PoliciesOf(const Principal& principal) {
  return {.identity = principal.entity->identity.get(),
          .boundary = principal.entity->boundary.get(),
          .session = principal.session == nullptr ? nullptr : principal.session->policies.get(),
          .trust = principal.trusting == nullptr ? nullptr : principal.trusting->trust.get()};
}

void Authoriser::Fill(const AccessCase& asked, const AccessResource& resource,
                      const Principal& principal, int64_t now_unix_ms) {
  context_.Clear();
  AddResourceTags(asked.question, resource, context_);
  AddResourceAccount(resource, context_);
  AddAll(asked.question.keys, context_);
  FillContext(asked, *principal.entity, now_unix_ms, context_);
}

bool Authoriser::Names(const AccessCase& asked, std::string_view key, const Principal& principal,
                       int64_t now_unix_ms) {
  const auto found = std::ranges::find(
      asked.question.keys, key, [](const auto& each) -> std::string_view { return each.first; });
  if (found == asked.question.keys.end() || found->second.size() != 1) return false;
  const AccessResource& resource = asked.question.resources.front();
  Fill(asked, resource, principal, now_unix_ms);
  return policy::Names(PoliciesOf(principal),
                       policy::Request(asked.question.action, resource.arn, context_),
                       policy::ContextKey(key), found->second.front());
}

absl::StatusOr<bool> Authoriser::Names(const AccessCase& asked, std::string_view key,
                                       int64_t now_unix_ms) {
  const absl::StatusOr<Principal> principal = Find(asked);
  if (absl::IsNotFound(principal.status())) return false;
  if (!principal.ok()) return principal.status();
  return Names(asked, key, *principal, now_unix_ms);
}

std::optional<std::string> Authoriser::Decide(const AccessCase& asked, const Principal& principal,
                                              int64_t now_unix_ms) {
  const policy::Policies policies = PoliciesOf(principal);
  const bool is_role = principal.entity->entity.kind == IamKind::kRole;
  const std::string role_arn = is_role ? principal.entity->entity.Arn() : std::string();
  for (const AccessResource& resource : asked.question.resources) {
    Fill(asked, resource, principal, now_unix_ms);
    const policy::Request request(
        asked.question.action, resource.arn, context_,
        {.arn = asked.caller.principal, .account = kAccountId, .role_arn = role_arn});
    const policy::Decision decision = policy::Evaluate(policies, request);
    if (!decision.allowed())
      return Sentence(asked, resource.arn, policy::Explain(decision, request));
  }
  const std::string& key = asked.question.named_key;
  if (key.empty() || Names(asked, key, principal, now_unix_ms)) return std::nullopt;
  return Sentence(asked, asked.question.resources.front().arn,
                  "because no statement names its " + key);
}

std::optional<ApiError> Authoriser::Check(const AccessCase& asked, int64_t now_unix_ms) {
  const absl::StatusOr<Principal> principal = Find(asked);
  std::optional<std::string> why;
  if (principal.ok()) {
    why = Decide(asked, *principal, now_unix_ms);
  } else if (absl::IsNotFound(principal.status())) {
    const std::vector<AccessResource>& resources = asked.question.resources;
    why = Sentence(asked, resources.empty() ? "*" : resources.front().arn,
                   "because its user, role or one of their policies does not exist any more");
  } else {
    return Failed(principal.status());
  }
  if (!why.has_value()) return std::nullopt;
  return ApiError{"AccessDeniedException", *why};
}

absl::StatusOr<Authoriser::Outcome> Authoriser::CheckAgain(const AccessCase& asked,
                                                           int64_t now_unix_ms) {
  std::string key_id;
  if (asked.caller.access_key_id.starts_with(kPermanentKeyPrefix)) {
    key_id = asked.caller.access_key_id;
  } else if (asked.caller.temporary.has_value()) {
    key_id = asked.caller.temporary->issuer_key_id;
  }
  if (!key_id.empty()) {
    const auto key = store_.Iam().FindAccessKeyFacts(key_id);
    if (absl::IsNotFound(key.status())) return Outcome{"The access key was deleted.", false};
    if (!key.ok()) return key.status();
    if (!key->is_active) return Outcome{"The access key was deactivated.", false};
  }
  const absl::StatusOr<Principal> principal = Find(asked);
  if (absl::IsNotFound(principal.status())) {
    return Outcome{"The user or role was deleted.", false};
  }
  if (!principal.ok()) return principal.status();
  Outcome outcome;
  outcome.lost = Decide(asked, *principal, now_unix_ms);
  outcome.depends_on_time = principal->entity->depends_on_time ||
                            (principal->session != nullptr && principal->session->depends_on_time);
  return outcome;
}

}  // namespace relay
