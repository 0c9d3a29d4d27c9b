// Goal: no body of an API request aborts or throws, and what is taken from it keeps its limits.
// Method: read the body, and ask for each kind of member under every name that is in it.

#include <nlohmann/json.hpp>
#include <string>

#include "engine/base/check.h"
#include "relay/api/api_input.h"

namespace {

using relay::ApiInput;
using Presence = ApiInput::Presence;

constexpr size_t kSizeMax = 100;
constexpr size_t kFiltersMax = 5;

void AskFor(const nlohmann::json& object, const char* name) {
  // An input of its own for each: the first that is wrong silences the others.
  CHECK(ApiInput(object).Text(name, Presence::kRequired, 1, kSizeMax).size() <= kSizeMax);
  const std::string line = ApiInput(object).Line(name, Presence::kOptional, 0, kSizeMax);
  CHECK(line.find('\n') == std::string::npos);
  const std::string choice = ApiInput(object).Choice(name, Presence::kOptional, {"a", "b"});
  const bool known = choice.empty() || choice == "a" || choice == "b";
  CHECK(known);
  const std::optional<int64_t> number = ApiInput(object).Integer(name, -5, 5);
  if (number.has_value()) {
    CHECK(*number >= -5);
    CHECK(*number <= 5);
  }
  ApiInput(object).Timestamp(name);
  ApiInput lists(object);
  if (lists.error().has_value()) CHECK(false);
  lists.TextLists(name);
  ApiInput filters(object);
  CHECK(filters.Filters(name, "Key", "Values", kFiltersMax).size() <= kFiltersMax);
  if (filters.error().has_value()) CHECK(!filters.error()->code.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  nlohmann::json object;
  if (relay::ParseBody(body, object).has_value()) return 0;
  CHECK(object.is_object());
  AskFor(object, "Absent");
  for (const auto& [name, value] : object.items()) AskFor(object, name.c_str());
  return 0;
}
