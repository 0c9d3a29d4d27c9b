#include "relay/policy/text_list.h"

#include <nlohmann/json.hpp>

namespace relay::policy {
namespace {

enum class Scalars { kTextAlone, kAll };

bool ReadList(const nlohmann::json& json, Scalars scalars, std::vector<std::string>& out,
              std::string& problem) {
  const auto read = [&](const nlohmann::json& value) {
    if (value.is_string()) {
      out.push_back(value.get_ref<const std::string&>());
      return true;
    }
    if (scalars == Scalars::kAll && (value.is_number() || value.is_boolean())) {
      out.push_back(value.dump());
      return true;
    }
    problem = std::string("it has ") + value.type_name() + " where a text belongs";
    return false;
  };
  if (!json.is_array()) return read(json);
  if (json.empty()) {
    problem = "it is an empty list; give at least one value";
    return false;
  }
  for (const nlohmann::json& value : json)
    if (!read(value)) return false;
  return true;
}

}  // namespace

bool ReadTextList(const nlohmann::json& json, std::vector<std::string>& out, std::string& problem) {
  return ReadList(json, Scalars::kTextAlone, out, problem);
}

bool ReadValueList(const nlohmann::json& json, std::vector<std::string>& out,
                   std::string& problem) {
  return ReadList(json, Scalars::kAll, out, problem);
}

}  // namespace relay::policy
