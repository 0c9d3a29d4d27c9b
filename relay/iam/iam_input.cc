#include "relay/iam/iam_input.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "relay/api/page_token.h"
#include "relay/iam/iam_error.h"
#include "relay/policy/ascii_text.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;

constexpr size_t kShownValueMax = 64;
constexpr size_t kPathSizeMax = 512;
constexpr size_t kArnSizeMin = 20;
constexpr size_t kArnSizeMax = 2'048;
constexpr size_t kDocumentSizeMax = 131'072;
constexpr size_t kTagKeySizeMax = 128;
constexpr size_t kTagValueSizeMax = 256;
constexpr std::string_view kReservedTagPrefix = "aws:";

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsPath(std::string_view path) {
  if (!path.starts_with('/') || !path.ends_with('/')) return false;
  return std::ranges::all_of(path, [](char c) { return c >= 0x21 && c <= 0x7E; });
}

std::string LowerFirst(std::string_view name) {
  std::string out(name);
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z') {
    out[0] = static_cast<char>(out[0] - 'A' + 'a');
  }
  return out;
}

}  // namespace

bool IsName(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return IsLetterOrDigit(c) || std::string_view("_+=,.@-").find(c) != std::string_view::npos;
  });
}

size_t DocumentSize(std::string_view document) {
  return static_cast<size_t>(std::ranges::count_if(
      document, [](char c) { return c != ' ' && c != '\t' && c != '\n' && c != '\r'; }));
}

void IamInput::CheckTrustSize(std::string_view document) {
  if (DocumentSize(document) <= kTrustSizeMax) return;
  Fail(LimitExceeded("Cannot exceed quota for ACLSizePerRole: " + std::to_string(kTrustSizeMax)));
}

void IamInput::Fail(ApiError error) {
  if (!error_.has_value()) error_ = std::move(error);
}

void IamInput::Violation(std::string_view value, const char* member,
                         const std::string& constraint) {
  Fail(Invalid("1 validation error detected: Value '" +
               std::string(value.substr(0, kShownValueMax)) + "' at '" + LowerFirst(member) +
               "' failed to satisfy constraint: Member must " + constraint));
}

bool IamInput::Has(const char* member) const {
  const auto found = input_.find(member);
  return found != input_.end() &&
         !(found->is_string() && found->get_ref<const std::string&>().empty());
}

// An empty text is a member that is there and empty.
std::optional<std::string> IamInput::Find(const char* member) {
  if (error_.has_value()) return std::nullopt;
  const auto found = input_.find(member);
  if (found == input_.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  Fail({"MalformedInput", "Member " + std::string(member) + " must be a text."});
  return std::nullopt;
}

std::string IamInput::Text(const char* member, size_t size_min, size_t size_max) {
  const std::optional<std::string> text = Find(member);
  if (error_.has_value()) return {};
  if (!text.has_value()) {
    Fail(Invalid("1 validation error detected: Value null at '" + LowerFirst(member) +
                 "' failed to satisfy constraint: Member must not be null"));
    return {};
  }
  if (text->size() < size_min) {
    Violation(*text, member, "have length greater than or equal to " + std::to_string(size_min));
  } else if (text->size() > size_max) {
    Violation(*text, member, "have length less than or equal to " + std::to_string(size_max));
  }
  return error_.has_value() ? std::string() : *text;
}

std::string IamInput::TextIfAny(const char* member, size_t size_max) {
  return input_.contains(member) ? Text(member, 0, size_max) : std::string();
}

std::string IamInput::Name(const char* member, size_t size_max) {
  std::string name = Text(member, 1, size_max);
  if (IsName(name)) return name;
  Fail(Invalid("The specified value for " + LowerFirst(member) +
               " is invalid. It must contain only alphanumeric characters and/or the following: "
               "+=,.@_-"));
  return {};
}

std::string IamInput::NameIfAny(const char* member, size_t size_max) {
  return Has(member) ? Name(member, size_max) : std::string();
}

std::string IamInput::Path(const char* member) {
  if (!Has(member)) return "/";
  std::string path = Text(member, 1, kPathSizeMax);
  if (error_.has_value() || IsPath(path)) return path;
  Fail(Invalid("The specified value for " + LowerFirst(member) +
               " is invalid. It must begin and end with / and contain only alphanumeric "
               "characters and/or / characters."));
  return {};
}

std::string IamInput::PathPrefix() {
  if (!Has("PathPrefix")) return "/";
  std::string prefix = Text("PathPrefix", 1, kPathSizeMax);
  if (error_.has_value() || prefix.starts_with('/')) return prefix;
  Fail(Invalid("The specified value for pathPrefix is invalid. It must begin with /."));
  return {};
}

std::string IamInput::Arn(const char* member) {
  std::string arn = Text(member, kArnSizeMin, kArnSizeMax);
  if (error_.has_value() || arn.starts_with("arn:")) return arn;
  Fail(InvalidInput("ARN " + arn.substr(0, kShownValueMax) + " is not valid."));
  return {};
}

std::string IamInput::Document(const char* member, policy::DocumentKind kind) {
  std::string text = Text(member, 1, kDocumentSizeMax);
  if (error_.has_value()) return {};
  const auto parsed = policy::PolicyDocument::Parse(text, kind);
  if (parsed.ok()) return text;
  Fail({"MalformedPolicyDocument", std::string(parsed.status().message())});
  return {};
}

const Json* IamInput::FindList(const char* member, size_t count_max) {
  if (error_.has_value() || !Has(member)) return nullptr;
  const Json& list = input_[member];
  if (!list.is_array()) {
    Fail({"MalformedInput", "Member " + std::string(member) + " must be a list."});
    return nullptr;
  }
  if (list.size() > count_max) {
    Violation("...", member, "have length less than or equal to " + std::to_string(count_max));
    return nullptr;
  }
  return &list;
}

std::vector<std::string> IamInput::Texts(const char* member, size_t count_max, size_t size_max) {
  std::vector<std::string> texts;
  const Json* list = FindList(member, count_max);
  if (list == nullptr) return texts;
  for (const Json& each : *list) {
    const bool fits = each.is_string() && each.get_ref<const std::string&>().size() <= size_max;
    if (!fits) {
      Violation("...", member, "have texts of at most " + std::to_string(size_max) + " bytes");
      return {};
    }
    texts.push_back(each.get<std::string>());
  }
  return texts;
}

std::vector<IamTag> IamInput::Tags() {
  std::vector<IamTag> tags;
  const Json* list = FindList("Tags", kTagsMax);
  if (list == nullptr) return tags;
  std::set<std::string> keys;
  for (const Json& each : *list) {
    if (!each.is_object()) {
      Fail({"MalformedInput", "Member Tags must be a list of keys and values."});
      return {};
    }
    IamInput tag(each);
    tags.push_back({tag.Text("Key", 1, kTagKeySizeMax), tag.Text("Value", 0, kTagValueSizeMax)});
    if (tag.error().has_value()) Fail(*tag.error());
    if (tags.back().key.starts_with(kReservedTagPrefix)) {
      Fail(InvalidInput("Tag keys that begin with aws: are reserved."));
    }
    if (!keys.insert(policy::LowerCase(tags.back().key)).second) {
      Fail(InvalidInput(
          "Duplicate tag keys found. Please note that Tag keys are case insensitive."));
    }
    if (error_.has_value()) return {};
  }
  return tags;
}

int64_t IamInput::Integer(const char* member, int64_t min, int64_t max, int64_t absent) {
  if (!Has(member)) return absent;
  const std::optional<std::string> text = Find(member);
  if (!text.has_value()) return absent;
  int64_t number = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (code != std::errc() || end != text->data() + text->size()) {
    Violation(*text, member, "be a number");
  } else if (number < min) {
    Violation(*text, member, "have value greater than or equal to " + std::to_string(min));
  } else if (number > max) {
    Violation(*text, member, "have value less than or equal to " + std::to_string(max));
  }
  return error_.has_value() ? absent : number;
}

bool IamInput::Flag(const char* member) { return Choice(member, {"false", "true"}) == "true"; }

std::string IamInput::Choice(const char* member, std::vector<std::string_view> choices) {
  if (!Has(member)) return std::string(choices.front());
  const std::optional<std::string> text = Find(member);
  if (!text.has_value()) return {};
  if (std::ranges::find(choices, *text) != choices.end()) return *text;
  std::string set;
  for (const std::string_view choice : choices) {
    set += (set.empty() ? "" : ", ") + std::string(choice);
  }
  Violation(*text, member, "satisfy enum value set: [" + set + "]");
  return {};
}

PageWish IamInput::Page(std::string_view list) {
  PageWish wish;
  wish.count_max = static_cast<size_t>(Integer("MaxItems", 1, kPageMax, kPageDefault));
  if (!Has("Marker")) return wish;
  const std::string marker = Text("Marker", 1, kPageTokenSizeMax);
  if (error_.has_value()) return wish;
  const std::optional<PagePosition> position = ReadPageToken(list, marker);
  if (position.has_value()) {
    wish.after = position->name;
  } else {
    Fail(Invalid("Invalid Marker."));
  }
  return wish;
}

}  // namespace relay::iam
