// Reads one statement of a policy document from JSON.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "relay/policy/policy_document.h"
#include "relay/policy/statement.h"

namespace relay::policy {

// StatementReader reads one statement. Its errors begin with the statement's place: "Statement 2
// (Sid "Shift"), Condition, DateLessThan, aws:CurrentTime: ...".
class StatementReader {
 public:
  // `place` says which statement of the document it is.
  StatementReader(DocumentKind kind, Variables variables, std::string place)
      : kind_(kind), variables_(variables), place_(std::move(place)) {}

  absl::StatusOr<Statement> Read(const nlohmann::json& json);

  const std::string& place() const { return place_; }

 private:
  absl::Status Fail(std::string_view member, std::string_view problem) const;
  absl::Status CheckMembers(const nlohmann::json& json) const;
  absl::Status ReadSid(const nlohmann::json& json);
  absl::Status ReadEffect(const nlohmann::json& json);
  absl::Status ReadActions(const nlohmann::json& json);
  absl::Status ReadResources(const nlohmann::json& json);
  absl::Status ReadPrincipal(const nlohmann::json& json);
  absl::Status ReadConditions(const nlohmann::json& json);

  // OneOf finds the one of two members that must be there.
  absl::StatusOr<std::string> OneOf(const nlohmann::json& json, const char* name,
                                    const char* not_name) const;

  const DocumentKind kind_;
  const Variables variables_;
  std::string place_;
  Statement statement_;
};

}  // namespace relay::policy
