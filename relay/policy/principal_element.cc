#include "relay/policy/principal_element.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "relay/policy/arn_parts.h"
#include "relay/policy/ascii_text.h"
#include "relay/policy/text_list.h"

namespace relay::policy {
namespace {

constexpr size_t kAccountIdSize = 12;

bool IsAccountId(std::string_view text) {
  return text.size() == kAccountIdSize && std::all_of(text.begin(), text.end(), IsDigit);
}

}  // namespace

bool PrincipalElement::AddAws(const std::string& text, std::string& problem) {
  if (text == "*") {
    entries_.push_back({Kind::kEverybody, ""});
    return true;
  }
  if (IsAccountId(text)) {
    entries_.push_back({Kind::kAccount, text});
    return true;
  }
  const auto arn = SplitArn(text);
  if (!arn || ((*arn)[2] != "iam" && (*arn)[2] != "sts")) {
    problem = Concat({"\"", text,
                      "\" names no principal; write the ARN of a user, a role or a role's "
                      "session, an account's id, or \"*\""});
    return false;
  }
  if (text.find_first_of("*?") != std::string::npos) {
    problem = Concat({"\"", text,
                      "\" has a wildcard, which a principal cannot have; write \"*\" and a "
                      "condition ArnLike on aws:PrincipalArn"});
    return false;
  }
  if ((*arn)[5] == "root") {
    entries_.push_back({Kind::kAccount, std::string((*arn)[4])});
  } else {
    entries_.push_back({Kind::kArn, text});
  }
  return true;
}

std::optional<PrincipalElement> PrincipalElement::Compile(const nlohmann::json& json, Sense sense,
                                                          std::string& problem) {
  PrincipalElement element;
  element.sense_ = sense;
  if (json.is_string()) {
    if (json.get_ref<const std::string&>() != "*") {
      problem = "it is a text other than \"*\"; write {\"AWS\": ...} or {\"Service\": ...}";
      return std::nullopt;
    }
    element.entries_.push_back({Kind::kEverybody, ""});
    return element;
  }
  if (!json.is_object() || json.empty()) {
    problem = "it is neither \"*\" nor an object such as {\"AWS\": ...}";
    return std::nullopt;
  }
  for (const auto& [kind, value] : json.items()) {
    const bool is_aws = kind == "AWS";
    if (!is_aws && kind != "Service" && kind != "Federated" && kind != "CanonicalUser") {
      problem = Concat({"\"", kind,
                        "\" is no kind of principal; there are AWS, Service, Federated and "
                        "CanonicalUser"});
      return std::nullopt;
    }
    std::vector<std::string> texts;
    if (!ReadTextList(value, texts, problem)) {
      problem = Concat({kind, ": ", problem});
      return std::nullopt;
    }
    for (std::string& text : texts) {
      if (is_aws) {
        if (!element.AddAws(text, problem)) return std::nullopt;
      } else {
        element.entries_.push_back({Kind::kName, std::move(text)});
      }
    }
  }
  return element;
}

PrincipalMatch PrincipalElement::Strongest(const RequestPrincipal& principal) const {
  PrincipalMatch strongest = PrincipalMatch::kNone;
  for (const Entry& entry : entries_) {
    PrincipalMatch match = PrincipalMatch::kNone;
    switch (entry.kind) {
      case Kind::kEverybody:
        match = PrincipalMatch::kEverybody;
        break;
      case Kind::kAccount:
        if (entry.text == principal.account) match = PrincipalMatch::kAccount;
        break;
      case Kind::kArn:
        if (entry.text == principal.role_arn) match = PrincipalMatch::kRole;
        if (entry.text == principal.arn) match = PrincipalMatch::kItself;
        break;
      case Kind::kName:
        if (entry.text == principal.arn) match = PrincipalMatch::kItself;
        break;
    }
    strongest = std::max(strongest, match);
  }
  return strongest;
}

PrincipalMatch PrincipalElement::Match(const RequestPrincipal& principal) const {
  const PrincipalMatch strongest = Strongest(principal);
  if (sense_ == Sense::kPrincipal) return strongest;
  return strongest == PrincipalMatch::kNone ? PrincipalMatch::kItself : PrincipalMatch::kNone;
}

}  // namespace relay::policy
