#include "relay/documents/document_text.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "relay/documents/document_yaml.h"

namespace relay {
namespace {

// StrictJson looks at every token before anything is built.
class StrictJson final : public nlohmann::json_sax<DocumentJson> {
 public:
  explicit StrictJson(std::string_view text) : text_(text) {}
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
    problem_ = "\"" + name + "\" stands twice in one map; keep one of them.";
    return false;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    const std::string_view before = text_.substr(0, std::min(position, text_.size()));
    const auto lines = std::count(before.begin(), before.end(), '\n');
    problem_ = "It is not valid JSON: look for a missing comma, quote or brace at line " +
               std::to_string(lines + 1) + ", column " +
               std::to_string(before.size() - (before.rfind('\n') + 1)) + ".";
    return false;
  }

 private:
  bool Open() {
    members_.emplace_back();
    if (members_.size() <= kDocumentDepthMax) return true;
    problem_ = "It is nested more than " + std::to_string(kDocumentDepthMax) + " deep.";
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

absl::StatusOr<DocumentJson> ReadJson(std::string_view text) {
  StrictJson reader(text);
  if (!DocumentJson::sax_parse(text, &reader)) return absl::InvalidArgumentError(reader.problem());
  return DocumentJson::parse(text, nullptr, /*allow_exceptions=*/false);
}

}  // namespace

absl::StatusOr<DocumentJson> ReadDocumentText(DocumentFormat format, std::string_view text) {
  if (text.size() > kDocumentSizeMax) {
    return absl::OutOfRangeError("The document has " + std::to_string(text.size()) +
                                 " bytes, and may have " + std::to_string(kDocumentSizeMax) + ".");
  }
  absl::StatusOr<DocumentJson> document =
      format == DocumentFormat::kJson ? ReadJson(text) : ReadYaml(text);
  if (document.ok() && !document->is_object()) {
    return absl::InvalidArgumentError(
        "It is not a map; a session document has members such as schemaVersion and sessionType.");
  }
  return document;
}

std::string WriteDocumentText(DocumentFormat format, const DocumentJson& document) {
  if (format == DocumentFormat::kYaml) return WriteYaml(document);
  return document.dump(2, ' ', false, DocumentJson::error_handler_t::replace);
}

}  // namespace relay
