#include "relay/policy/statement_spans.h"

#include <cstddef>
#include <nlohmann/json.hpp>

namespace relay::policy {
namespace {

// SpanScanner goes through a valid text once; only strings and brackets matter to it.
class SpanScanner {
 public:
  explicit SpanScanner(std::string_view text) : text_(text) {}

  std::vector<TextSpan> Scan() {
    while (index_ < text_.size()) {
      const char c = text_[index_];
      if (c == '"') {
        TakeText();
        continue;
      }
      if (c == '{' || c == '[') Open(c);
      if (c == ':' && depth_ == 1) is_name_ = false;
      if (c == ',' && depth_ == 1) is_name_ = true;
      Step();
      if (c == '}' || c == ']') Close();
    }
    return std::move(spans_);
  }

 private:
  void Step() {
    const auto byte = static_cast<uint8_t>(text_[index_++]);
    if (byte == '\n') {
      ++at_.line;
      at_.column = 1;
    } else if ((byte & 0xC0) != 0x80) {
      ++at_.column;
    }
  }

  void TakeText() {
    const size_t begin = index_;
    Step();
    while (text_[index_] != '"') {
      if (text_[index_] == '\\') Step();
      Step();
    }
    Step();
    if (depth_ != 1 || !is_name_) return;
    const std::string_view token = text_.substr(begin, index_ - begin);
    in_statements_ =
        nlohmann::json::parse(token, nullptr, /*allow_exceptions=*/false) == "Statement";
  }

  // Statements are the member's value, or the objects of its list.
  void Open(char bracket) {
    if (depth_ == 0) is_name_ = true;
    const bool is_one = in_statements_ && bracket == '{' && (depth_ == 1 || depth_ == 2);
    if (is_one && statement_depth_ == 0) {
      statement_depth_ = depth_ + 1;
      spans_.push_back({at_, at_});
    }
    ++depth_;
  }

  void Close() {
    if (depth_ == statement_depth_) {
      spans_.back().end = at_;
      statement_depth_ = 0;
    }
    --depth_;
  }

  const std::string_view text_;
  size_t index_ = 0;
  TextPosition at_;
  size_t depth_ = 0;
  bool is_name_ = false;        // The next text of the outermost object is a member's name.
  bool in_statements_ = false;  // Its last member is Statement.
  size_t statement_depth_ = 0;  // Inside of the statement that is open; 0: none is.
  std::vector<TextSpan> spans_;
};

}  // namespace

std::vector<TextSpan> StatementSpans(std::string_view text) { return SpanScanner(text).Scan(); }

}  // namespace relay::policy
