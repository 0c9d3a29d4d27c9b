#include "relay/policy/policy_document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "relay/policy/ascii_text.h"
#include "relay/policy/policy_json.h"
#include "relay/policy/statement_reader.h"

namespace relay::policy {

using nlohmann::json;

// PolicyReader goes through the document's own members; StatementReader through a statement's.
class PolicyReader {
 public:
  explicit PolicyReader(DocumentKind kind) : kind_(kind) {}

  absl::StatusOr<PolicyDocument> Read(const json& root) {
    for (const auto& [name, value] : root.items()) {
      if (name != "Version" && name != "Id" && name != "Statement") {
        return Fail(Concat(
            {"\"", name, "\" is no member of a policy; there are Version, Id and Statement"}));
      }
    }
    if (root.contains("Version")) {
      const json& version = root["Version"];
      if (version != "2012-10-17" && version != "2008-10-17")
        return Fail("Version: it is not one of AWS's; write \"2012-10-17\"");
      if (version == "2012-10-17") variables_ = Variables::kSubstituted;
    }
    if (root.contains("Id")) {
      if (!root["Id"].is_string()) return Fail("Id: it is not a text; write one, or leave it out");
      document_.id_ = root["Id"].get<std::string>();
    }
    if (!root.contains("Statement"))
      return Fail("Statement is missing; add it, with at least one statement");
    const json& statements = root["Statement"];
    if (statements.is_object()) {
      if (const absl::Status read = ReadStatement(statements); !read.ok()) return read;
      return std::move(document_);
    }
    if (!statements.is_array() || statements.empty())
      return Fail("Statement: it is neither a statement nor a list of some; add at least one");
    if (statements.size() > PolicyDocument::kStatementsMax) {
      return Fail(Concat({"Statement: there are ", std::to_string(statements.size()),
                          ", more than ", std::to_string(PolicyDocument::kStatementsMax),
                          "; split it into several policies"}));
    }
    for (const json& statement : statements)
      if (const absl::Status read = ReadStatement(statement); !read.ok()) return read;
    return std::move(document_);
  }

 private:
  static absl::Status Fail(std::string text) { return absl::InvalidArgumentError(std::move(text)); }

  absl::Status ReadStatement(const json& value) {
    std::string place = Concat({"Statement ", std::to_string(document_.statements_.size() + 1)});
    StatementReader reader(kind_, variables_, std::move(place));
    absl::StatusOr<Statement> statement = reader.Read(value);
    if (!statement.ok()) return statement.status();
    const bool is_known = std::any_of(
        document_.statements_.begin(), document_.statements_.end(),
        [&](const Statement& known) { return !known.sid.empty() && known.sid == statement->sid; });
    if (is_known) {
      return Fail(
          Concat({reader.place(), ", Sid: another statement has the same; give each its own"}));
    }
    document_.statements_.push_back(*std::move(statement));
    return absl::OkStatus();
  }

  const DocumentKind kind_;
  Variables variables_ = Variables::kPlainText;
  PolicyDocument document_;
};

absl::StatusOr<PolicyDocument> PolicyDocument::Parse(std::string_view text, DocumentKind kind) {
  const absl::StatusOr<json> root = ReadPolicyJson(text);
  if (!root.ok()) return root.status();
  absl::StatusOr<PolicyDocument> document = PolicyReader(kind).Read(*root);
  if (!document.ok()) return document;
  const std::vector<TextSpan> spans = StatementSpans(text);
  CHECK(spans.size() == document->statements_.size());
  for (size_t i = 0; i < spans.size(); ++i) document->statements_[i].span = spans[i];
  return document;
}

std::vector<std::string> PolicyDocument::ContextKeys() const {
  std::vector<std::string> names;
  for (const Statement& statement : statements_) {
    for (const Pattern& resource : statement.resources)
      for (const ContextKey& key : resource.variables()) names.push_back(key.name());
    for (const Condition& condition : statement.conditions) condition.AddKeys(names);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace relay::policy
