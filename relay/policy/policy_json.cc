#include "relay/policy/policy_json.h"

#include <nlohmann/json.hpp>
#include <string>

#include "relay/json/strict_json.h"
#include "relay/policy/ascii_text.h"

namespace relay::policy {
namespace {

using nlohmann::json;

std::string Describe(const JsonFault& fault) {
  switch (fault.kind) {
    case JsonFault::Kind::kRepeatedMember:
      return Concat({"\"", fault.member, "\" stands twice in one object; put its values together"});
    case JsonFault::Kind::kTooDeep:
      return Concat({"It is nested more than ", std::to_string(kPolicyDepthMax),
                     " deep, which no policy is; look for a bracket too many"});
    case JsonFault::Kind::kSyntax:
      break;
  }
  return Concat({"It is not valid JSON: line ", std::to_string(fault.line), ", column ",
                 std::to_string(fault.column), "; look for a missing comma, quote or brace there"});
}

}  // namespace

absl::StatusOr<json> ReadPolicyJson(std::string_view text) {
  if (text.size() > kPolicySizeMax) {
    return absl::InvalidArgumentError(
        Concat({"It has ", std::to_string(text.size()), " bytes, more than ",
                std::to_string(kPolicySizeMax), "; split it into several policies"}));
  }
  if (const auto fault = FindJsonFault(text, kPolicyDepthMax)) {
    return absl::InvalidArgumentError(Describe(*fault));
  }
  json result = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!result.is_object()) {
    return absl::InvalidArgumentError(
        "It is no JSON object; a policy is one, with the members Version and Statement");
  }
  return result;
}

}  // namespace relay::policy
