#include "relay/access/access_case_text.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace relay {
namespace {

using Json = nlohmann::json;

// Members takes members out of an object, and remembers whether all were there, and of their kind.
class Members {
 public:
  explicit Members(const Json& object) : object_(object), ok_(object.is_object()) {}

  bool ok() const { return ok_; }
  const Json* Find(const char* name) {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  Members& Text(const char* name, std::string& out) {
    const Json* member = Find(name);
    if (member == nullptr || !member->is_string()) return Fail();
    out = member->get<std::string>();
    return *this;
  }
  Members& Number(const char* name, int64_t& out) {
    const Json* member = Find(name);
    if (member == nullptr || !member->is_number_integer()) return Fail();
    out = member->get<int64_t>();
    return *this;
  }
  Members& Texts(const char* name, std::vector<std::string>& out) {
    const Json* member = Find(name);
    if (member == nullptr || !ReadTexts(*member, out)) return Fail();
    return *this;
  }
  Members& Fail() {
    ok_ = false;
    return *this;
  }

  static bool ReadTexts(const Json& list, std::vector<std::string>& out) {
    if (!list.is_array()) return false;
    for (const Json& each : list) {
      if (!each.is_string()) return false;
      out.push_back(each.get<std::string>());
    }
    return true;
  }

 private:
  const Json& object_;
  bool ok_;
};

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

bool Read(const Json& json, TemporarySession& session) {
  Members members(json);
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
    if (!Members::ReadTexts(tag, pair) || pair.size() != 2) return false;
    session.tags.push_back({pair[0], pair[1]});
  }
  if (members.Find("mfa") != nullptr) members.Number("mfa", session.mfa_unix_ms.emplace());
  return members.ok();
}

Json ToJson(const AccessQuestion& question) {
  Json resources = Json::array();
  for (const AccessResource& resource : question.resources) {
    resources.push_back({{"arn", resource.arn}, {"tags_of", resource.tag_owner}});
  }
  Json keys = Json::array();
  for (const auto& [key, values] : question.keys) keys.push_back({{"key", key}, {"are", values}});
  return {{"action", question.action},
          {"resources", std::move(resources)},
          {"keys", std::move(keys)},
          {"named", question.named_key},
          {"trust", question.trust_role_id}};
}

bool Read(const Json& json, AccessQuestion& question) {
  Members members(json);
  members.Text("action", question.action)
      .Text("named", question.named_key)
      .Text("trust", question.trust_role_id);
  const Json* resources = members.Find("resources");
  const Json* keys = members.Find("keys");
  if (!members.ok() || resources == nullptr || !resources->is_array()) return false;
  if (keys == nullptr || !keys->is_array()) return false;
  question.resources.clear();
  for (const Json& each : *resources) {
    AccessResource& resource = question.resources.emplace_back();
    if (!Members(each).Text("arn", resource.arn).Text("tags_of", resource.tag_owner).ok()) {
      return false;
    }
  }
  for (const Json& each : *keys) {
    auto& [key, values] = question.keys.emplace_back();
    if (!Members(each).Text("key", key).Texts("are", values).ok()) return false;
  }
  return true;
}

}  // namespace

std::string WriteAccessCase(const AccessCase& asked) {
  const Caller& caller = asked.caller;
  Json json = {{"key", caller.access_key_id},       {"user", caller.user_name},
               {"principal", caller.principal},     {"entity", caller.entity_id},
               {"region", caller.region},           {"source_ip", asked.source_ip},
               {"user_agent", asked.user_agent},    {"asked", asked.asked_unix_ms},
               {"question", ToJson(asked.question)}};
  if (caller.temporary.has_value()) json["temporary"] = ToJson(*caller.temporary);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<AccessCase> ReadAccessCase(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  AccessCase asked;
  Caller& caller = asked.caller;
  Members members(json);
  members.Text("key", caller.access_key_id)
      .Text("user", caller.user_name)
      .Text("principal", caller.principal)
      .Text("entity", caller.entity_id)
      .Text("region", caller.region)
      .Text("source_ip", asked.source_ip)
      .Text("user_agent", asked.user_agent)
      .Number("asked", asked.asked_unix_ms);
  const Json* question = members.Find("question");
  if (!members.ok() || question == nullptr || !Read(*question, asked.question)) return std::nullopt;
  const Json* temporary = members.Find("temporary");
  if (temporary != nullptr && !Read(*temporary, caller.temporary.emplace())) return std::nullopt;
  return asked;
}

}  // namespace relay
