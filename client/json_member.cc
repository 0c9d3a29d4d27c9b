#include "client/json_member.h"

#include <nlohmann/json.hpp>

namespace client {

using Json = nlohmann::json;

std::string JsonText(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t JsonTime(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return 0;
  const double seconds = found->get<double>();
  return seconds > 0 && seconds < 1e12 ? static_cast<int64_t>(seconds) : 0;
}

const Json& JsonList(const Json& object, const char* name) {
  static const Json empty = Json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : empty;
}

std::string JsonBody(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Json> ReadJson(const std::string& answer, const char* operation) {
  Json json = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NotOurs(operation);
  return json;
}

absl::Status NotOurs(const char* operation) {
  return absl::InternalError("the relay's answer to " + std::string(operation) +
                             " cannot be read; adit and relay may be of versions that do not fit");
}

}  // namespace client
