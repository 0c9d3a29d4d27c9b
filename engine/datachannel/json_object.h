// Internal to engine/datachannel: taking members out of JSON that other people's programs wrote.

#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/wire/json_members.h"

namespace engine::datachannel {

// Json keeps members in the order in which they were put in, which is that of the real programs.
using Json = nlohmann::ordered_json;

inline constexpr size_t kShortTextMax = 512;  // Ids, versions, names, states.

// JsonObject reads members of one object, tolerantly: what is absent or null is not there, and
// `out` then keeps what it has. What is of the wrong kind or too large makes ok() false.
class JsonObject {
 public:
  // Requires: `object` outlives this. Not an object at all: not ok().
  explicit JsonObject(const json::Json& object) : object_(object), ok_(object.is_object()) {}

  bool ok() const { return ok_; }

  // Find returns nullptr for what is absent or null.
  const json::Json* Find(const char* name) const;

  JsonObject& Text(const char* name, std::string& out, size_t size_max = kShortTextMax);
  JsonObject& Number(const char* name, int64_t& out);
  JsonObject& Flag(const char* name, bool& out);

 private:
  const json::Json& object_;
  bool ok_;
};

// DumpJson returns the text; bytes that are no UTF-8 become U+FFFD.
std::string DumpJson(const Json& json);

}  // namespace engine::datachannel
