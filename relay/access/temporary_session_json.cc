#include "relay/access/temporary_session_json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "relay/access/strict_members.h"

namespace relay {

using Json = nlohmann::json;

Json ToJson(const TemporarySession& session) {
  Json tags = Json::array();
  for (const IamTag& tag : session.tags) tags.push_back({tag.key, tag.value});
  Json json = {{"role", session.role_arn},
               {"name", session.name},
               {"issued", session.issued_unix_ms},
               {"policies", session.policies},
               {"arns", session.policy_arns},
               {"tags", std::move(tags)},
               {"transitive", session.transitive_tag_keys},
               {"source", session.source_identity},
               {"key", session.issuer_key_id}};
  if (session.mfa_unix_ms.has_value()) json["mfa"] = *session.mfa_unix_ms;
  return json;
}

bool ReadSession(const Json& json, TemporarySession& session) {
  StrictMembers members(json);
  members.Text("role", session.role_arn)
      .Text("name", session.name)
      .Number("issued", session.issued_unix_ms)
      .Texts("policies", session.policies)
      .Texts("arns", session.policy_arns)
      .Texts("transitive", session.transitive_tag_keys)
      .Text("source", session.source_identity)
      .Text("key", session.issuer_key_id);
  const Json* tags = members.Find("tags");
  if (!members.ok() || tags == nullptr || !tags->is_array()) return false;
  for (const Json& tag : *tags) {
    std::vector<std::string> pair;
    if (!StrictMembers::ReadTexts(tag, pair) || pair.size() != 2) return false;
    session.tags.push_back({pair[0], pair[1]});
  }
  if (members.Find("mfa") != nullptr) members.Number("mfa", session.mfa_unix_ms.emplace());
  return members.ok();
}

}  // namespace relay
