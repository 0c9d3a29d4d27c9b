#include "relay/policy/policy_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "relay/policy/ascii_text.h"

namespace relay::policy {
namespace {

using nlohmann::json;

// StrictReader looks at every token and keeps nothing but the names of the open objects' members.
class StrictReader : public nlohmann::json_sax<json> {
 public:
  explicit StrictReader(std::string_view text) : text_(text) {}

  const std::string& problem() const { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    if (members_.back().insert(name).second) return true;
    problem_ = Concat({"\"", name, "\" stands twice in one object; put its values together"});
    return false;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    const std::string_view before = text_.substr(0, std::min(position, text_.size()));
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const size_t line_start = before.rfind('\n') + 1;
    problem_ = Concat({"It is not valid JSON: line ", std::to_string(lines + 1), ", column ",
                       std::to_string(before.size() - line_start),
                       "; look for a missing comma, quote or brace there"});
    return false;
  }

 private:
  bool Open() {
    members_.emplace_back();
    if (members_.size() <= kPolicyDepthMax) return true;
    problem_ = Concat({"It is nested more than ", std::to_string(kPolicyDepthMax),
                       " deep, which no policy is; look for a bracket too many"});
    return false;
  }
  bool Close() {
    members_.pop_back();
    return true;
  }

  std::string_view text_;
  std::string problem_;
  std::vector<std::set<std::string>> members_;
};

}  // namespace

absl::StatusOr<json> ReadPolicyJson(std::string_view text) {
  if (text.size() > kPolicySizeMax) {
    return absl::InvalidArgumentError(
        Concat({"It has ", std::to_string(text.size()), " bytes, more than ",
                std::to_string(kPolicySizeMax), "; split it into several policies"}));
  }
  StrictReader reader(text);
  if (!json::sax_parse(text, &reader)) return absl::InvalidArgumentError(reader.problem());
  json result = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!result.is_object()) {
    return absl::InvalidArgumentError(
        "It is no JSON object; a policy is one, with the members Version and Statement");
  }
  return result;
}

}  // namespace relay::policy
