#include "engine/wire/json_members.h"

namespace engine::json {
namespace {

// IsShallow is true when no object or array is nested deeper than kJsonDepthMax. It runs before the
// parser, so that foreign text cannot make the parser build a deep tree.
bool IsShallow(std::string_view json) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return false;
    }
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return true;
}

}  // namespace

Json ParseObject(std::string_view json, size_t size_max) {
  const Json discarded(Json::value_t::discarded);
  if (json.size() > size_max || !IsShallow(json)) return discarded;
  Json parsed = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  return parsed.is_object() ? parsed : discarded;
}

void Put(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}
void Put(Json& json, const StreamLimits& limits) {
  if (limits.idle_seconds_max != 0) json["idle_seconds_max"] = limits.idle_seconds_max;
  if (limits.seconds_max != 0) json["seconds_max"] = limits.seconds_max;
}

void Put(Json& json, const TerminalSize& size) {
  json["columns"] = size.columns;
  json["rows"] = size.rows;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string TypeOf(const Json& json) {
  std::string type;
  if (!json.is_object()) return type;
  return Reader(json).Text("type", type).ok() ? type : std::string();
}

}  // namespace engine::json
