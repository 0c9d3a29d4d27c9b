#include "relay/json/strict_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace relay {
namespace {

using nlohmann::json;

// StrictReader keeps nothing but the names of the open objects' members.
class StrictReader final : public nlohmann::json_sax<json> {
 public:
  StrictReader(std::string_view text, size_t depth_max) : text_(text), depth_max_(depth_max) {}

  const JsonFault& fault() const { return fault_; }

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
    fault_ = {.kind = JsonFault::Kind::kRepeatedMember, .member = name};
    return false;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return FailAt(position);
  }

  bool FailAt(size_t position) {
    const std::string_view before = text_.substr(0, std::min(position, text_.size()));
    const auto lines = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    fault_ = {.kind = JsonFault::Kind::kSyntax,
              .member = {},
              .line = lines + 1,
              .column = before.size() - (before.rfind('\n') + 1)};
    return false;
  }

 private:
  bool Open() {
    members_.emplace_back();
    if (members_.size() <= depth_max_) return true;
    fault_ = {.kind = JsonFault::Kind::kTooDeep, .member = {}};
    return false;
  }
  bool Close() {
    members_.pop_back();
    return true;
  }

  const std::string_view text_;
  const size_t depth_max_;
  JsonFault fault_;
  std::vector<std::set<std::string>> members_;
};

}  // namespace

std::optional<JsonFault> FindJsonFault(std::string_view text, size_t depth_max) {
  StrictReader reader(text, depth_max);
  // The parser takes it for the end, whatever follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    reader.FailAt(nul);
    return reader.fault();
  }
  if (json::sax_parse(text, &reader)) return std::nullopt;
  return reader.fault();
}

}  // namespace relay
