#include "relay/iam/iam_questions.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "relay/iam/iam_lookup.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;

// What is too long is refused when the operation reads it; here it only must not cost.
constexpr size_t kTextSizeMax = 2'048;

std::string TextOf(const Json& input, const char* name) {
  const auto member = input.find(name);
  if (member == input.end() || !member->is_string()) return {};
  return member->get_ref<const std::string&>().substr(0, kTextSizeMax);
}

std::string PathOf(const Json& input) {
  const std::string path = TextOf(input, "Path");
  return path.empty() ? "/" : path;
}

bool SetsBoundary(std::string_view operation) {
  return operation == "CreateUser" || operation == "CreateRole" ||
         operation == "PutUserPermissionsBoundary" || operation == "PutRolePermissionsBoundary";
}

bool TakesTags(std::string_view operation) {
  return operation.starts_with("Create") || operation.starts_with("Tag") ||
         operation.starts_with("Untag");
}

// OfEntity is an entity that is there, or the one that is to be made.
AccessResource OfEntity(ApiContext& context, const ApiCall& call, IamKind kind,
                        AccessQuestion& question) {
  IamStore& store = context.store.Iam();
  const std::string name = TextOf(call.input, NameMember(kind));
  const auto entity = kind == IamKind::kUser && name.empty()
                          ? store.FindEntityById(call.caller.entity_id)
                          : store.FindEntity(kind, name);
  AccessResource resource;
  // The boundary that the request sets, where it sets one; else the entity's own. An operation that
  // ignores the member must not be judged by it.
  std::string boundary;
  if (SetsBoundary(call.operation)) boundary = TextOf(call.input, "PermissionsBoundary");
  if (entity.ok()) {
    resource.arn = entity->Arn();
    resource.tag_owner = entity->id;
    if (boundary.empty()) boundary = entity->boundary_arn;
  } else {
    resource.arn = IamEntity{.kind = kind, .name = name, .path = PathOf(call.input)}.Arn();
  }
  if (!boundary.empty()) {
    question.keys.emplace_back("iam:PermissionsBoundary", std::vector<std::string>{boundary});
  }
  return resource;
}

AccessResource OfArn(std::string arn) {
  AccessResource resource;
  if (!arn.empty()) resource.arn = std::move(arn);
  resource.tag_owner = resource.arn;
  return resource;
}

// The ARN of what is to be made is that of its name: another one in the request says nothing.
AccessResource OfPolicy(const ApiCall& call) {
  const Json& input = call.input;
  std::string arn = TextOf(input, "PolicyArn");
  if (arn.empty() || call.operation == "CreatePolicy") {
    arn = IamPolicy{.name = TextOf(input, "PolicyName"), .path = PathOf(input)}.Arn();
  }
  return OfArn(std::move(arn));
}

AccessResource OfDevice(const ApiCall& call) {
  const Json& input = call.input;
  std::string serial = TextOf(input, "SerialNumber");
  if (serial.empty() || call.operation == "CreateVirtualMFADevice") {
    serial = IamMfaDevice{.name = TextOf(input, "VirtualMFADeviceName"), .path = PathOf(input)}
                 .SerialNumber();
  }
  return OfArn(std::move(serial));
}

// AddRenamed asks, of what gets another name or path, for what it will be as well: otherwise who
// may change one user could make it another one, of whom he may say nothing.
void AddRenamed(const ApiCall& call, AccessQuestion& question) {
  const bool is_user = call.operation == "UpdateUser";
  if (!is_user && call.operation != "UpdateGroup") return;
  const AccessResource& old = question.resources.front();
  const size_t path_at = old.arn.find('/');
  const size_t name_at = old.arn.rfind('/');
  if (path_at == std::string::npos) return;
  std::string name = TextOf(call.input, is_user ? "NewUserName" : "NewGroupName");
  std::string path = TextOf(call.input, "NewPath");
  if (name.empty()) name = old.arn.substr(name_at + 1);
  if (path.empty()) path = old.arn.substr(path_at, name_at + 1 - path_at);
  AccessResource renamed = old;
  renamed.arn =
      IamEntity{.kind = is_user ? IamKind::kUser : IamKind::kGroup, .name = name, .path = path}
          .Arn();
  if (renamed.arn != old.arn) question.resources.push_back(std::move(renamed));
}

void AddTagKeys(const Json& input, AccessQuestion& question) {
  std::vector<std::string> keys;
  if (const auto tags = input.find("Tags"); tags != input.end() && tags->is_array()) {
    for (const Json& tag : *tags) {
      if (!tag.is_object()) continue;
      const std::string key = TextOf(tag, "Key");
      question.keys.emplace_back("aws:RequestTag/" + key,
                                 std::vector<std::string>{TextOf(tag, "Value")});
      keys.push_back(key);
    }
  }
  if (const auto names = input.find("TagKeys"); names != input.end() && names->is_array()) {
    for (const Json& name : *names) {
      if (name.is_string()) keys.push_back(name.get<std::string>());
    }
  }
  if (!keys.empty()) question.keys.emplace_back("aws:TagKeys", std::move(keys));
}

}  // namespace

template <Subject kSubject>
void Ask(ApiContext& context, ApiCall& call, AccessQuestion& question) {
  const Json& input = call.input;
  AccessResource resource;
  switch (kSubject) {
    case Subject::kUser:
      resource = OfEntity(context, call, IamKind::kUser, question);
      break;
    case Subject::kGroup:
      resource = OfEntity(context, call, IamKind::kGroup, question);
      break;
    case Subject::kRole:
      resource = OfEntity(context, call, IamKind::kRole, question);
      break;
    case Subject::kPolicy:
      resource = OfPolicy(call);
      break;
    case Subject::kMfaDevice:
      resource = OfDevice(call);
      break;
    case Subject::kSource:
      resource = OfArn(TextOf(input, "PolicySourceArn"));
      break;
  }
  question.resources = {std::move(resource)};
  if (kSubject == Subject::kUser || kSubject == Subject::kGroup) AddRenamed(call, question);
  if (TakesTags(call.operation)) AddTagKeys(input, question);
  if (kSubject != Subject::kPolicy && input.contains("PolicyArn")) {
    question.keys.emplace_back("iam:PolicyARN",
                               std::vector<std::string>{TextOf(input, "PolicyArn")});
  }
}

template void Ask<Subject::kUser>(ApiContext&, ApiCall&, AccessQuestion&);
template void Ask<Subject::kGroup>(ApiContext&, ApiCall&, AccessQuestion&);
template void Ask<Subject::kRole>(ApiContext&, ApiCall&, AccessQuestion&);
template void Ask<Subject::kPolicy>(ApiContext&, ApiCall&, AccessQuestion&);
template void Ask<Subject::kMfaDevice>(ApiContext&, ApiCall&, AccessQuestion&);
template void Ask<Subject::kSource>(ApiContext&, ApiCall&, AccessQuestion&);

}  // namespace relay::iam
