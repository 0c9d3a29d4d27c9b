#include "engine/datachannel/json_object.h"

namespace engine::datachannel {

const json::Json* JsonObject::Find(const char* name) const {
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

JsonObject& JsonObject::Text(const char* name, std::string& out, size_t size_max) {
  const json::Json* member = Find(name);
  if (member == nullptr) return *this;
  const auto* text = member->get_ptr<const std::string*>();
  if (text == nullptr || text->size() > size_max) {
    ok_ = false;
  } else {
    out = *text;
  }
  return *this;
}

JsonObject& JsonObject::Number(const char* name, int64_t& out) {
  const json::Json* member = Find(name);
  if (member == nullptr) return *this;
  // A number without a sign that is too large for int64_t is unsigned to the library.
  const auto* natural = member->get_ptr<const json::Json::number_unsigned_t*>();
  if (!member->is_number_integer() || (natural != nullptr && *natural > INT64_MAX)) {
    ok_ = false;
  } else {
    out = member->get<int64_t>();
  }
  return *this;
}

JsonObject& JsonObject::Flag(const char* name, bool& out) {
  const json::Json* member = Find(name);
  if (member == nullptr) return *this;
  const auto* flag = member->get_ptr<const bool*>();
  if (flag == nullptr) {
    ok_ = false;
  } else {
    out = *flag;
  }
  return *this;
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace engine::datachannel
