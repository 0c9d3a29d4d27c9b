#include "client/iam_calls.h"

#include <utility>

#include "client/say.h"
#include "client/xml_text.h"

namespace client {

absl::StatusOr<std::vector<std::string>> IamList(ApiClient& api, const char* action,
                                                 ApiClient::Form form, const char* list) {
  std::vector<std::string> entries;
  const size_t own_size = form.size();
  for (int page = 0; page < ApiClient::kPagesMax; ++page) {
    const absl::StatusOr<std::string> answer = api.CallIam(action, form);
    if (!answer.ok()) return answer.status();
    for (const std::string_view entry : XmlMembers(*answer, list)) entries.emplace_back(entry);
    if (XmlText(*answer, "IsTruncated") != "true") break;
    form.resize(own_size);
    form.emplace_back("Marker", XmlText(*answer, "Marker"));
  }
  return entries;
}

std::string NounOf(const IamSubject& subject) {
  switch (subject.kind) {
    case IamSubject::Kind::kUser:
      return "User";
    case IamSubject::Kind::kGroup:
      return "Group";
    case IamSubject::Kind::kRole:
      break;
  }
  return "Role";
}

absl::StatusOr<std::string> FindSubjectArn(ApiClient& api, const IamSubject& subject) {
  const std::string noun = NounOf(subject);
  const absl::StatusOr<std::string> answer =
      api.CallIam("Get" + noun, {{noun + "Name", subject.name}});
  if (!answer.ok()) return answer.status();
  const auto inner = XmlInner(*answer, noun);
  return inner.has_value() ? XmlText(*inner, "Arn") : "";
}

absl::StatusOr<bool> IsOwnUser(ApiClient& api, const std::string& user) {
  const auto keys = IamList(api, "ListAccessKeys", {{"UserName", user}}, "AccessKeyMetadata");
  if (!keys.ok()) return keys.status();
  for (const std::string& entry : *keys) {
    if (XmlText(entry, "AccessKeyId") == api.credentials().access_key_id) return true;
  }
  return false;
}

absl::StatusOr<std::string> FindPolicyArn(ApiClient& api, const std::string& policy) {
  if (policy.starts_with("arn:")) return policy;
  const auto policies = IamList(api, "ListPolicies", {}, "Policies");
  if (!policies.ok()) return policies.status();
  for (const std::string& entry : *policies) {
    if (XmlText(entry, "PolicyName") == policy) return XmlText(entry, "Arn");
  }
  return absl::NotFoundError("there is no policy '" + Printable(policy) +
                             "'; `adit policy list` shows those that there are");
}

}  // namespace client
