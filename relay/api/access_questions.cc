#include "relay/api/access_questions.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "relay/access/resource_arn.h"
#include "relay/access/session_watch.h"
#include "relay/api/api_input.h"
#include "relay/api/resource_tags.h"
#include "relay/broker/broker.h"
#include "relay/broker/wish_resolver.h"
#include "relay/documents/builtin_documents.h"
#include "relay/policy/ascii_text.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {
namespace {

// What is too long for a name is refused when the operation reads it; here it only must not cost.
constexpr size_t kNameSizeMax = 512;

std::string TextOf(const ApiCall& call, const char* name) {
  const auto member = call.input.find(name);
  if (member == call.input.end() || !member->is_string()) return {};
  return member->get_ref<const std::string&>().substr(0, kNameSizeMax);
}

AccessResource Tagged(std::string arn) {
  AccessResource resource;
  resource.arn = std::move(arn);
  resource.tag_owner = resource.arn;
  return resource;
}

// HostName is one spelling of a host: a denial of db.internal is one of DB.internal. as well.
std::string HostName(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  return policy::LowerCase(host);
}

// RunAsTagOf is the caller's tag SSMSessionRunAs, those of the session before those of the user or
// role.
std::string RunAsTagOf(ApiContext& context, const Caller& caller) {
  const auto find = [](const std::vector<IamTag>& tags) -> std::string {
    for (const IamTag& tag : tags) {
      if (policy::LowerCase(tag.key) == "ssmsessionrunas") return tag.value;
    }
    return {};
  };
  if (caller.temporary.has_value()) {
    std::string value = find(caller.temporary->tags);
    if (!value.empty()) return value;
  }
  const auto tags = context.store.Iam().ListTags(caller.entity_id);
  return tags.ok() ? find(*tags) : std::string();
}

// NameTargetById leaves a target alone that is an id, or no name, or the name of several nodes.
void NameTargetById(ApiContext& context, ApiCall& call) {
  const std::string target = TextOf(call, "Target");
  if (target.empty() || IsNodeId(target)) return;
  const absl::StatusOr<std::vector<std::string>> ids = context.store.NodesNamed(target, 2);
  if (ids.ok() && ids->size() == 1) call.input["Target"] = ids->front();
}

}  // namespace

ConditionKeys::value_type DocumentTypeKey() { return {"ssm:DocumentType", {"Session"}}; }

ConditionKeys PlanKeys(const engine::SessionPlan& plan) {
  switch (plan.kind) {
    case engine::SessionKind::kShell:
      return {{"adit:SessionType", {"Standard_Stream"}}};
    case engine::SessionKind::kExec:
      return {{"adit:SessionType",
               {plan.with_terminal ? "InteractiveCommands" : "NonInteractiveCommands"}}};
    case engine::SessionKind::kTcp:
      return {{"adit:SessionType", {"Port"}},
              {std::string(kRemoteHostKey), {HostName(plan.host)}},
              {"adit:RemotePort", {std::to_string(plan.port)}}};
  }
  return {};
}

void AskStartSession(ApiContext& context, ApiCall& call, AccessQuestion& question) {
  NameTargetById(context, call);
  std::string document = TextOf(call, "DocumentName");
  // The name alone says which document it is: another region or account in an ARN must not make
  // another resource of it for policies.
  document = DocumentNameOf(document);
  question.resources = {Tagged(NodeArn(TextOf(call, "Target"))), Tagged(DocumentArn(document))};
  ApiInput input(call.input);
  StartRequest request;
  request.document = document;
  request.parameters = input.TextLists("Parameters");
  request.run_as_tag = RunAsTagOf(context, call.caller);
  call.wish = std::make_shared<const WishOutcome>(
      ResolveWish(context.store, context.broker.documents(), request));
  // What cannot be resolved has no keys, and the operation says what is wrong with it.
  if (const auto* session = std::get_if<ResolvedSession>(call.wish.get())) {
    question.keys = PlanKeys(session->plan);
    if (!session->run_as.empty()) {
      question.keys.emplace_back("adit:RunAsUser", std::vector<std::string>{session->run_as});
    }
  }
  question.keys.emplace_back("ssm:SessionDocumentAccessCheck", std::vector<std::string>{"true"});
  question.keys.push_back(DocumentTypeKey());
}

void AskOfSession(ApiContext& context, ApiCall& call, AccessQuestion& question) {
  AccessResource resource;
  const std::string id = TextOf(call, "SessionId");
  resource.arn = SessionArn(id);
  if (const absl::StatusOr<Session> session = context.store.FindSession(id); session.ok()) {
    resource.tags = {{"aws:ssmmessages:session-id", session->owner_id},
                     {"aws:ssmmessages:target-id", session->node_id}};
  }
  question.resources = {std::move(resource)};
}

void AskCreateActivation(ApiContext&, ApiCall& call, AccessQuestion& question) {
  AddTagKeys(call, question);
}

void AskOfInstance(ApiContext&, ApiCall& call, AccessQuestion& question) {
  question.resources = {Tagged(NodeArn(TextOf(call, "InstanceId")))};
}

void AskOfTarget(ApiContext&, ApiCall& call, AccessQuestion& question) {
  question.resources = {Tagged(NodeArn(TextOf(call, "Target")))};
}

void AskOpenLane(ApiContext& context, ApiCall& call, AccessQuestion& question) {
  const AccessCase* session = context.watch.Find(TextOf(call, "SessionId"));
  if (session != nullptr && session->caller.principal == call.caller.principal) {
    question = session->question;
    return;
  }
  // The operation finds no such session of the caller's, and says so to who may start any.
  question.action = "ssm:StartSession";
  question.resources.front().arn = NodeArn("*");
}

}  // namespace relay
