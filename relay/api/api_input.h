// Reading a request's members, each within its limits. The clients check little of this (no
// patterns, no enums, no maxima), so the relay checks all of it.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/access/api_error.h"

namespace relay {

// ApiInput hands out members of one JSON object. The first thing that is wrong is kept in error();
// after that every call returns something empty, so that a caller may check once at the end.
class ApiInput {
 public:
  explicit ApiInput(const nlohmann::json& object) : object_(object) {}

  enum class Presence : uint8_t { kRequired, kOptional };

  // Text returns a string of `size_min` to `size_max` bytes, or "" when it may be and is absent.
  std::string Text(const char* name, Presence presence, size_t size_min, size_t size_max);

  // Line is Text without control characters: what is shown to people in one line.
  std::string Line(const char* name, Presence presence, size_t size_min, size_t size_max);

  // Choice is Text that must be one of a set.
  std::string Choice(const char* name, Presence presence,
                     std::initializer_list<std::string_view> choices);

  std::optional<int64_t> Integer(const char* name, int64_t min, int64_t max);

  // Timestamp returns unix milliseconds.
  std::optional<int64_t> Timestamp(const char* name);

  // TextLists returns a map of lists of strings.
  std::map<std::string, std::vector<std::string>, std::less<>> TextLists(const char* name);

  // Filters returns the list of {key_name: text, values_name: text or list of texts}.
  struct Filter {
    std::string key;
    std::vector<std::string> values;
  };
  std::vector<Filter> Filters(const char* name, const char* key_name, const char* values_name,
                              size_t count_max);

  const std::optional<ApiError>& error() const { return error_; }

 private:
  const nlohmann::json* Member(const char* name, Presence presence);
  void WrongType(const char* name);
  void Violation(std::string_view value, const char* name, const std::string& constraint);

  const nlohmann::json& object_;
  std::optional<ApiError> error_;
};

// ParseBody reads a request's body: an object, nested at most kInputDepthMax deep.
inline constexpr size_t kInputDepthMax = 32;
std::optional<ApiError> ParseBody(const std::string& body, nlohmann::json& out);

}  // namespace relay
