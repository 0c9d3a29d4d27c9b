#include "relay/documents/document_members.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace relay {

DocumentMembers::DocumentMembers(const DocumentJson& json, std::string where,
                                 std::initializer_list<std::string_view> names)
    : json_(json), where_(std::move(where)) {
  if (!json.is_object()) Fail("", "must be a map");
  if (!ok()) return;
  for (const auto& [name, value] : json.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    Fail(name, "is not a member that session documents have there");
  }
}

void DocumentMembers::Fail(std::string_view name, std::string_view what) {
  if (!status_.ok()) return;
  std::string path = where_;
  if (!path.empty() && !name.empty()) path += '.';
  path += name.substr(0, 128);
  status_ = absl::InvalidArgumentError((path.empty() ? "The document" : path) + " " +
                                       std::string(what) + ".");
}

const DocumentJson* DocumentMembers::Find(const char* name) const {
  if (!status_.ok()) return nullptr;
  const auto found = json_.find(name);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string> DocumentMembers::ToText(const DocumentJson& value) const {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  return std::nullopt;
}

std::string DocumentMembers::Text(const char* name, size_t size_max) {
  const DocumentJson* member = Find(name);
  if (member == nullptr) return {};
  std::optional<std::string> text = ToText(*member);
  if (!text.has_value()) {
    Fail(name, "must be a text");
  } else if (text->size() > size_max) {
    Fail(name, "may have " + std::to_string(size_max) + " bytes at most");
  } else if (text->find('\0') != std::string::npos) {
    Fail(name, "must not hold NUL");
  } else {
    return *std::move(text);
  }
  return {};
}

std::string DocumentMembers::Required(const char* name) {
  if (ok() && Find(name) == nullptr) Fail(name, "is missing");
  return Text(name);
}

bool DocumentMembers::Flag(const char* name) {
  const DocumentJson* member = Find(name);
  if (member == nullptr) return false;
  if (member->is_boolean()) return member->get<bool>();
  if (*member == "true") return true;
  if (*member != "false" && *member != "") Fail(name, "must be true or false");
  return false;
}

bool DocumentMembers::StrictFlag(const char* name) {
  const DocumentJson* member = Find(name);
  if (member == nullptr) return false;
  if (member->is_boolean()) return member->get<bool>();
  Fail(name, "must be true or false, without quotes");
  return false;
}

std::optional<uint32_t> DocumentMembers::Number(const char* name, uint32_t min, uint32_t max) {
  const std::string text = Text(name);
  if (text.empty()) return std::nullopt;
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && number >= min && number <= max) return number;
  Fail(name, "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

std::vector<std::string> DocumentMembers::Texts(const char* name, size_t count_max) {
  std::vector<std::string> texts;
  const DocumentJson* member = Find(name);
  if (member == nullptr) return texts;
  if (!member->is_array() || member->size() > count_max) {
    Fail(name, "must be a list of at most " + std::to_string(count_max) + " texts");
    return texts;
  }
  for (const DocumentJson& element : *member) {
    std::optional<std::string> text = ToText(element);
    if (!text.has_value()) {
      Fail(name, "must be a list of texts");
      return {};
    }
    texts.push_back(*std::move(text));
  }
  return texts;
}

const DocumentJson* DocumentMembers::Map(const char* name) {
  const DocumentJson* member = Find(name);
  if (member != nullptr && !member->is_object()) {
    Fail(name, "must be a map");
    return nullptr;
  }
  return member;
}

}  // namespace relay
