#include "relay/policy/statement_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "relay/policy/arn_parts.h"
#include "relay/policy/ascii_text.h"
#include "relay/policy/text_list.h"

namespace relay::policy {
namespace {

using nlohmann::json;

constexpr const char* kMembers[] = {"Sid",       "Effect",       "Action",
                                    "NotAction", "Resource",     "NotResource",
                                    "Principal", "NotPrincipal", "Condition"};

// ActionProblem returns what is wrong with an action, or nothing.
std::string ActionProblem(std::string_view action) {
  if (action == "*") return "";
  const size_t colon = action.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == action.size()) {
    return "is not written as a service and its action; write it as in ssm:StartSession, or \"*\" "
           "for everything";
  }
  const std::string_view service = action.substr(0, colon);
  if (!std::all_of(service.begin(), service.end(),
                   [](char c) { return IsAlphanumeric(c) || c == '-'; })) {
    return "has a service that is no plain name; write it out, or \"*\" for every action of every "
           "service";
  }
  const std::string_view name = action.substr(colon + 1);
  if (!std::all_of(name.begin(), name.end(),
                   [](char c) { return IsAlphanumeric(c) || c == '*' || c == '?'; }))
    return "has a character that no action has; there are letters, digits, * and ?";
  return "";
}

// NamesItsService is about the third part of an ARN, in which AWS has no wildcards.
bool NamesItsService(std::string_view arn) {
  for (int part = 0; part < 2; ++part) {
    const size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return false;
    arn.remove_prefix(colon + 1);
  }
  const size_t end = arn.find(':');
  return end != std::string_view::npos &&
         arn.substr(0, end).find_first_of("*?") == std::string_view::npos;
}

// ResourceProblem returns what is wrong with a resource, or nothing.
std::string ResourceProblem(std::string_view resource) {
  if (resource == "*") return "";
  if (!resource.starts_with("arn:"))
    return "is no ARN; write one such as arn:aws:ssm:*:*:managed-instance/*, or \"*\"";
  if (!NamesItsService(resource))
    return "does not name its service; write it out, as in arn:aws:ssm:*, or \"*\" for everything";
  const auto parts = SplitArn(resource);
  if (!parts) {
    // A star at the end stands for the colons, too, that do not follow.
    if (resource.ends_with('*') && resource.find("${") == std::string_view::npos) return "";
    return "has fewer parts than an ARN; write all six, as in "
           "arn:aws:ssm:us-east-1:123456789012:document/NAME";
  }
  for (size_t i = 0; i + 1 < parts->size(); ++i) {
    if ((*parts)[i].find("${") != std::string_view::npos) {
      return "has a policy variable before its fifth colon, where AWS has none; write * there and "
             "name the value in a condition";
    }
  }
  return "";
}

}  // namespace

absl::Status StatementReader::Fail(std::string_view member, std::string_view problem) const {
  return absl::InvalidArgumentError(
      Concat({place_, member.empty() ? "" : ", ", member, ": ", problem}));
}

absl::StatusOr<Statement> StatementReader::Read(const json& value) {
  if (!value.is_object()) return Fail("", "it is not an object; write {\"Effect\": ...}");
  using Step = absl::Status (StatementReader::*)(const json&);
  const Step steps[] = {&StatementReader::ReadSid,       &StatementReader::ReadEffect,
                        &StatementReader::ReadActions,   &StatementReader::ReadResources,
                        &StatementReader::ReadPrincipal, &StatementReader::ReadConditions};
  if (const absl::Status checked = CheckMembers(value); !checked.ok()) return checked;
  for (const Step step : steps)
    if (const absl::Status read = (this->*step)(value); !read.ok()) return read;
  return std::move(statement_);
}

absl::Status StatementReader::CheckMembers(const json& value) const {
  for (const auto& [name, unused] : value.items()) {
    const auto is_it = [&name = name](const char* known) { return name == known; };
    if (std::any_of(std::begin(kMembers), std::end(kMembers), is_it)) continue;
    for (const char* known : kMembers) {
      if (EqualsIgnoringCase(name, known))
        return Fail("", Concat({"\"", name, "\" is written \"", known, "\""}));
    }
    return Fail("", Concat({"\"", name,
                            "\" is no member of a statement; there are Sid, Effect, Action, "
                            "Resource, Principal, their Not... forms, and Condition"}));
  }
  return absl::OkStatus();
}

absl::Status StatementReader::ReadSid(const json& value) {
  if (!value.contains("Sid")) return absl::OkStatus();
  if (!value["Sid"].is_string()) return Fail("Sid", "it is not a text; write one, or leave it out");
  statement_.sid = value["Sid"].get<std::string>();
  if (!std::all_of(statement_.sid.begin(), statement_.sid.end(), IsAlphanumeric))
    return Fail("Sid", "it has other characters than letters and digits; leave them out");
  if (!statement_.sid.empty()) place_ += Concat({" (Sid \"", statement_.sid, "\")"});
  return absl::OkStatus();
}

absl::Status StatementReader::ReadEffect(const json& value) {
  if (!value.contains("Effect"))
    return Fail("Effect", "it is missing; write \"Allow\" or \"Deny\"");
  if (value["Effect"] != "Allow" && value["Effect"] != "Deny")
    return Fail("Effect", "it is neither \"Allow\" nor \"Deny\"");
  statement_.effect = value["Effect"] == "Allow" ? Effect::kAllow : Effect::kDeny;
  return absl::OkStatus();
}

absl::StatusOr<std::string> StatementReader::OneOf(const json& value, const char* name,
                                                   const char* not_name) const {
  const bool has_name = value.contains(name);
  const bool has_not_name = value.contains(not_name);
  if (has_name && has_not_name)
    return Fail(name, Concat({"there is ", not_name, " as well; keep one of the two"}));
  if (!has_name && !has_not_name)
    return Fail(name, Concat({"it is missing; add it, or ", not_name}));
  return has_name ? name : not_name;
}

absl::Status StatementReader::ReadActions(const json& value) {
  const absl::StatusOr<std::string> member = OneOf(value, "Action", "NotAction");
  if (!member.ok()) return member.status();
  statement_.actions_listed = *member == "Action" ? Listed::kThese : Listed::kAllButThese;
  std::vector<std::string> texts;
  std::string problem;
  if (!ReadTextList(value[*member], texts, problem)) return Fail(*member, problem);
  for (const std::string& text : texts) {
    if (const std::string wrong = ActionProblem(text); !wrong.empty())
      return Fail(*member, Concat({"\"", text, "\" ", wrong}));
    auto pattern = Pattern::Compile(LowerCase(text), {.variables = Variables::kPlainText}, problem);
    if (!pattern) return Fail(*member, problem);
    statement_.actions.push_back(*std::move(pattern));
  }
  return absl::OkStatus();
}

absl::Status StatementReader::ReadResources(const json& value) {
  if (kind_ == DocumentKind::kTrust) {
    if (value.contains("Resource") || value.contains("NotResource"))
      return Fail("Resource", "a trust policy speaks of its own role alone; leave it out");
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> member = OneOf(value, "Resource", "NotResource");
  if (!member.ok()) return member.status();
  statement_.resources_listed = *member == "Resource" ? Listed::kThese : Listed::kAllButThese;
  std::vector<std::string> texts;
  std::string problem;
  if (!ReadTextList(value[*member], texts, problem)) return Fail(*member, problem);
  for (const std::string& text : texts) {
    if (const std::string wrong = ResourceProblem(text); !wrong.empty())
      return Fail(*member, Concat({"\"", text, "\" ", wrong}));
    auto pattern = Pattern::Compile(text, {.variables = variables_}, problem);
    if (!pattern) return Fail(*member, Concat({"\"", text, "\": ", problem}));
    statement_.resources.push_back(*std::move(pattern));
  }
  return absl::OkStatus();
}

absl::Status StatementReader::ReadPrincipal(const json& value) {
  if (kind_ == DocumentKind::kIdentity) {
    if (value.contains("Principal") || value.contains("NotPrincipal")) {
      return Fail("Principal",
                  "the policy speaks of whom it is attached to; leave it out, or write it into a "
                  "role's trust policy");
    }
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> member = OneOf(value, "Principal", "NotPrincipal");
  if (!member.ok()) return member.status();
  const bool is_principal = *member == "Principal";
  if (!is_principal && statement_.effect == Effect::kAllow) {
    return Fail(*member,
                "an Allow for everybody but some allows the whole world; name whom it allows in "
                "Principal");
  }
  std::string problem;
  statement_.principal = PrincipalElement::Compile(
      value[*member],
      is_principal ? PrincipalElement::Sense::kPrincipal : PrincipalElement::Sense::kNotPrincipal,
      problem);
  if (!statement_.principal) return Fail(*member, problem);
  return absl::OkStatus();
}

absl::Status StatementReader::ReadConditions(const json& value) {
  if (!value.contains("Condition")) return absl::OkStatus();
  const json& operators = value["Condition"];
  if (!operators.is_object()) {
    return Fail("Condition",
                "it is not an object; write {\"StringEquals\": {\"aws:username\": \"alice\"}}");
  }
  std::set<std::string> seen;
  for (const auto& [name, keys] : operators.items()) {
    const std::string place = Concat({"Condition, ", name});
    if (!keys.is_object()) return Fail(place, "it is not an object of keys and their values");
    for (const auto& [key, json_values] : keys.items()) {
      const std::string line = Concat({place, ", ", key});
      if (!seen.insert(LowerCase(Concat({name, "\n", key}))).second)
        return Fail(line, "operator and key stand there twice; put their values together");
      std::vector<std::string> values;
      std::string problem;
      if (!ReadValueList(json_values, values, problem)) return Fail(line, problem);
      auto condition = Condition::Compile(name, key, values, variables_, problem);
      if (!condition) return Fail(line, problem);
      statement_.conditions.push_back(*std::move(condition));
    }
  }
  return absl::OkStatus();
}

}  // namespace relay::policy
