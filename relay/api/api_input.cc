#include "relay/api/api_input.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace relay {
namespace {

constexpr size_t kShownValueMax = 64;

std::string LowerFirst(std::string_view name) {
  std::string out(name);
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z')
    out[0] = static_cast<char>(out[0] - 'A' + 'a');
  return out;
}

// Nesting is measured before parsing: what is not nested deeply cannot exhaust the stack later.
bool IsShallow(std::string_view json) {
  size_t depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kInputDepthMax) return false;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

}  // namespace

std::optional<ApiError> ParseBody(const std::string& body, nlohmann::json& out) {
  if (body.empty()) {
    out = nlohmann::json::object();
    return std::nullopt;
  }
  if (!IsShallow(body)) return ApiError{"SerializationException", "The body is nested too deeply."};
  out = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (out.is_discarded()) return ApiError{"SerializationException", "The body is not valid JSON."};
  if (!out.is_object()) return ApiError{"SerializationException", "The body is not an object."};
  return std::nullopt;
}

const nlohmann::json* ApiInput::Member(const char* name, Presence presence) {
  if (error_.has_value()) return nullptr;
  const auto member = object_.find(name);
  if (member != object_.end() && !member->is_null()) return &*member;
  if (presence == Presence::kRequired) {
    error_ = ApiError{"ValidationException", "1 validation error detected: Value null at '" +
                                                 LowerFirst(name) +
                                                 "' failed to satisfy constraint: Member must "
                                                 "not be null"};
  }
  return nullptr;
}

void ApiInput::WrongType(const char* name) {
  if (error_.has_value()) return;
  error_ = ApiError{"SerializationException",
                    "Member '" + std::string(name) + "' has a value of the wrong type."};
}

void ApiInput::Violation(std::string_view value, const char* name, const std::string& constraint) {
  if (error_.has_value()) return;
  error_ = ApiError{"ValidationException",
                    "1 validation error detected: Value '" +
                        std::string(value.substr(0, kShownValueMax)) + "' at '" + LowerFirst(name) +
                        "' failed to satisfy constraint: Member must " + constraint};
}

std::string ApiInput::Text(const char* name, Presence presence, size_t size_min, size_t size_max) {
  const nlohmann::json* member = Member(name, presence);
  if (member == nullptr) return {};
  if (!member->is_string()) {
    WrongType(name);
    return {};
  }
  const std::string& text = *member->get_ptr<const std::string*>();
  if (text.size() < size_min) {
    Violation(text, name, "have length greater than or equal to " + std::to_string(size_min));
  } else if (text.size() > size_max) {
    Violation(text, name, "have length less than or equal to " + std::to_string(size_max));
  }
  return error_.has_value() ? std::string() : text;
}

std::string ApiInput::Line(const char* name, Presence presence, size_t size_min, size_t size_max) {
  std::string text = Text(name, presence, size_min, size_max);
  const auto is_control = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; };
  if (std::none_of(text.begin(), text.end(), is_control)) return text;
  Violation("...", name, "not contain control characters");
  return {};
}

std::string ApiInput::Choice(const char* name, Presence presence,
                             std::initializer_list<std::string_view> choices) {
  const std::string text = Text(name, presence, 0, 1024);
  if (error_.has_value() || (text.empty() && presence == Presence::kOptional)) return {};
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
  std::string set;
  for (const std::string_view choice : choices) {
    set += (set.empty() ? "" : ", ") + std::string(choice);
  }
  Violation(text, name, "satisfy enum value set: [" + set + "]");
  return {};
}

std::optional<int64_t> ApiInput::Integer(const char* name, int64_t min, int64_t max) {
  const nlohmann::json* member = Member(name, Presence::kOptional);
  if (member == nullptr) return std::nullopt;
  if (!member->is_number_integer()) {
    WrongType(name);
    return std::nullopt;
  }
  // A number above the signed range is above every maximum, too.
  const int64_t number =
      member->is_number_unsigned() && *member->get_ptr<const uint64_t*>() > uint64_t{1} << 62
          ? int64_t{1} << 62
          : member->get<int64_t>();
  if (number < min) {
    Violation(std::to_string(number), name,
              "have value greater than or equal to " + std::to_string(min));
    return std::nullopt;
  }
  if (number > max) {
    Violation(std::to_string(number), name,
              "have value less than or equal to " + std::to_string(max));
    return std::nullopt;
  }
  return number;
}

std::optional<int64_t> ApiInput::Timestamp(const char* name) {
  const nlohmann::json* member = Member(name, Presence::kOptional);
  if (member == nullptr) return std::nullopt;
  if (!member->is_number()) {
    WrongType(name);
    return std::nullopt;
  }
  constexpr double kLatestSeconds = 253402300799.0;  // The end of the year 9999.
  const double seconds = member->get<double>();
  if (!(seconds >= 0.0) || seconds > kLatestSeconds) {
    Violation("...", name, "be a time between the years 1970 and 9999");
    return std::nullopt;
  }
  return static_cast<int64_t>(std::floor(seconds * 1000.0));
}

std::map<std::string, std::vector<std::string>, std::less<>> ApiInput::TextLists(const char* name) {
  constexpr size_t kKeySizeMax = 255;
  std::map<std::string, std::vector<std::string>, std::less<>> lists;
  const nlohmann::json* member = Member(name, Presence::kOptional);
  if (member == nullptr) return lists;
  if (!member->is_object()) {
    WrongType(name);
    return lists;
  }
  for (const auto& [key, values] : member->items()) {
    if (!values.is_array()) {
      WrongType(name);
      return {};
    }
    if (key.empty() || key.size() > kKeySizeMax) {
      Violation(key, name, "have keys of 1 to 255 characters");
      return {};
    }
    std::vector<std::string>& list = lists[key];
    for (const nlohmann::json& value : values) {
      if (!value.is_string()) {
        WrongType(name);
        return {};
      }
      list.push_back(*value.get_ptr<const std::string*>());
    }
  }
  return lists;
}

std::vector<ApiInput::Filter> ApiInput::Filters(const char* name, const char* key_name,
                                                const char* values_name, size_t count_max) {
  std::vector<Filter> filters;
  const nlohmann::json* member = Member(name, Presence::kOptional);
  if (member == nullptr) return filters;
  if (!member->is_array()) {
    WrongType(name);
    return filters;
  }
  if (member->size() > count_max) {
    Violation("[...]", name, "have length less than or equal to " + std::to_string(count_max));
    return filters;
  }
  for (const nlohmann::json& entry : *member) {
    if (!entry.is_object() || !entry.contains(key_name) || !entry.contains(values_name) ||
        !entry[key_name].is_string()) {
      WrongType(name);
      return {};
    }
    Filter filter{*entry[key_name].get_ptr<const std::string*>(), {}};
    const nlohmann::json& values = entry[values_name];
    const nlohmann::json list = values.is_array() ? values : nlohmann::json::array({values});
    constexpr size_t kValuesCountMax = 100;
    constexpr size_t kValueSizeMax = 400;
    if (list.empty() || list.size() > kValuesCountMax) {
      Violation("[...]", name, "have 1 to 100 values for each key");
      return {};
    }
    for (const nlohmann::json& value : list) {
      if (!value.is_string()) {
        WrongType(name);
        return {};
      }
      filter.values.push_back(*value.get_ptr<const std::string*>());
      const size_t size = filter.values.back().size();
      if (size < 1 || size > kValueSizeMax) {
        Violation(filter.values.back(), name, "have values of 1 to 400 characters");
        return {};
      }
    }
    filters.push_back(std::move(filter));
  }
  return filters;
}

}  // namespace relay
