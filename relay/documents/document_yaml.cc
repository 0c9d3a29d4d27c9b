// yaml-cpp tells of bad text by exceptions and has no other form, so they are caught here, at its
// door. Events are used, not its tree: an alias would otherwise stand for what it names, again and
// again.

#include "relay/documents/document_yaml.h"

#include <yaml-cpp/emitter.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "engine/base/utf8.h"

namespace relay {
namespace {

// ToPlain is what a text without quotes means.
DocumentJson ToPlain(const std::string& text) {
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true") return true;
  if (text == "false") return false;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  // "007" and "-0" are texts: written again they would be others.
  if (is_number && std::to_string(number) == text) return number;
  return text;
}

class Builder final : public YAML::EventHandler {
 public:
  DocumentJson TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Check(mark, "?", anchor);
    Add(mark, nullptr);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "aliases (*name) are not allowed; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Check(mark, tag, anchor);
    // yaml-cpp makes one byte each of two escapes that stand for characters of two.
    if (!engine::IsUtf8(engine::AsBytes(value))) {
      Fail(mark, "the escapes \\_ and \\N are not understood here; write \\u00A0 and \\u0085");
    }
    if (WantsKey()) return SetKey(mark, value);
    Add(mark, tag == "!" ? DocumentJson(value) : ToPlain(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Check(mark, tag, anchor);
    Open(mark, DocumentJson::array());
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Check(mark, tag, anchor);
    Open(mark, DocumentJson::object());
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Level {
    DocumentJson value;
    std::optional<std::string> key;  // Of a map: the member that comes next.
  };

  [[noreturn]] static void Fail(const YAML::Mark& mark, const std::string& text) {
    throw YAML::ParserException(mark, text);
  }
  static void Check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Fail(mark, "anchors (&name) are not allowed; write the value out");
    if (!tag.empty() && tag != "?" && tag != "!") Fail(mark, "tags (!name) are not allowed");
  }
  bool WantsKey() const {
    return !levels_.empty() && levels_.back().value.is_object() && !levels_.back().key.has_value();
  }
  void SetKey(const YAML::Mark& mark, const std::string& name) {
    if (levels_.back().value.contains(name)) {
      Fail(mark, "\"" + name + "\" stands twice in one map; keep one of them");
    }
    levels_.back().key = name;
  }
  void Open(const YAML::Mark& mark, DocumentJson value) {
    if (WantsKey()) Fail(mark, "the name of a member must be a text");
    if (levels_.size() >= kDocumentDepthMax) {
      Fail(mark, "it is nested more than " + std::to_string(kDocumentDepthMax) + " deep");
    }
    levels_.push_back({std::move(value), std::nullopt});
  }
  void Close() {
    DocumentJson value = std::move(levels_.back().value);
    levels_.pop_back();
    Add(YAML::Mark(), std::move(value));
  }
  void Add(const YAML::Mark& mark, DocumentJson value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.is_array()) return level.value.push_back(std::move(value));
    if (!level.key.has_value()) Fail(mark, "the name of a member must be a text");
    level.value[*std::exchange(level.key, std::nullopt)] = std::move(value);
  }

  std::vector<Level> levels_;
  DocumentJson root_;
};

bool IsSimpleName(const std::string& name) {
  return ToPlain(name).is_string() && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

void Emit(YAML::Emitter& out, const DocumentJson& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [name, member] : value.items()) {
      out << YAML::Key;
      if (!IsSimpleName(name)) out << YAML::DoubleQuoted;
      out << name << YAML::Value;
      Emit(out, member);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::BeginSeq;
    for (const DocumentJson& element : value) Emit(out, element);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    out << YAML::DoubleQuoted << value.get<std::string>();
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();  // A number, true or false: the same in both.
  }
}

// The parser takes what YAML cannot have, and the emitter does not give it back as it was.
bool HoldsControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<uint8_t>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
}

}  // namespace

absl::StatusOr<DocumentJson> ReadYaml(std::string_view text) {
  if (!engine::IsUtf8(engine::AsBytes(text))) return absl::InvalidArgumentError("It is not UTF-8.");
  if (HoldsControl(text)) {
    return absl::InvalidArgumentError(
        "It holds a control character, which YAML has only as an escape such as \"\\x01\".");
  }
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    Builder builder;
    if (!parser.HandleNextDocument(builder)) return absl::InvalidArgumentError("It is empty.");
    Builder second;
    if (parser.HandleNextDocument(second)) {
      return absl::InvalidArgumentError("It holds more than one YAML document; keep one.");
    }
    return builder.TakeRoot();
  } catch (const YAML::Exception& problem) {
    return absl::InvalidArgumentError(
        "It is not valid YAML: line " + std::to_string(problem.mark.line + 1) + ", column " +
        std::to_string(problem.mark.column + 1) + ": " + problem.msg + ".");
  }
}

std::string WriteYaml(const DocumentJson& document) {
  YAML::Emitter out;
  Emit(out, document);
  return std::string(out.c_str()) + "\n";
}

}  // namespace relay
