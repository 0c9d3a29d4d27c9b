#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace relay {

// StrictMembers takes members out of an object, and remembers whether all were there, and of their
// kind.
class StrictMembers {
 public:
  explicit StrictMembers(const nlohmann::json& object) : object_(object), ok_(object.is_object()) {}

  bool ok() const { return ok_; }
  const nlohmann::json* Find(const char* name) {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  StrictMembers& Text(const char* name, std::string& out) {
    const nlohmann::json* member = Find(name);
    if (member == nullptr || !member->is_string()) return Fail();
    out = member->get<std::string>();
    return *this;
  }
  StrictMembers& Number(const char* name, int64_t& out) {
    const nlohmann::json* member = Find(name);
    if (member == nullptr || !member->is_number_integer()) return Fail();
    out = member->get<int64_t>();
    return *this;
  }
  StrictMembers& Texts(const char* name, std::vector<std::string>& out) {
    const nlohmann::json* member = Find(name);
    if (member == nullptr || !ReadTexts(*member, out)) return Fail();
    return *this;
  }
  StrictMembers& Fail() {
    ok_ = false;
    return *this;
  }

  static bool ReadTexts(const nlohmann::json& list, std::vector<std::string>& out) {
    if (!list.is_array()) return false;
    for (const nlohmann::json& each : list) {
      if (!each.is_string()) return false;
      out.push_back(each.get<std::string>());
    }
    return true;
  }

 private:
  const nlohmann::json& object_;
  bool ok_;
};

}  // namespace relay
