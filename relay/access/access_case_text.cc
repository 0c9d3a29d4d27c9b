#include "relay/access/access_case_text.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "relay/access/strict_members.h"
#include "relay/access/temporary_session_json.h"

namespace relay {
namespace {

using Json = nlohmann::json;

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
  StrictMembers members(json);
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
    if (!StrictMembers(each).Text("arn", resource.arn).Text("tags_of", resource.tag_owner).ok()) {
      return false;
    }
  }
  for (const Json& each : *keys) {
    auto& [key, values] = question.keys.emplace_back();
    if (!StrictMembers(each).Text("key", key).Texts("are", values).ok()) return false;
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
  StrictMembers members(json);
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
  if (temporary != nullptr && !ReadSession(*temporary, caller.temporary.emplace())) {
    return std::nullopt;
  }
  return asked;
}

}  // namespace relay
