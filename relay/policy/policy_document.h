// A policy document: its JSON, checked and compiled into statements.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "relay/policy/statement.h"

namespace relay::policy {

// DocumentKind says what a document is attached to, and so which members its statements have.
enum class DocumentKind : uint8_t {
  // A user, group or role; a permission boundary; a session. Resource, and no Principal.
  kIdentity,
  // A role, saying who may assume it. Principal, and no Resource.
  kTrust,
  // A resource. Principal and Resource.
  kResource,
};

// PolicyDocument is immutable, and may be shared by everybody who has the policy.
class PolicyDocument {
 public:
  static constexpr size_t kStatementsMax = 1'000;

  // Parse reads the language as AWS documents it, strictly: an unknown, missing or repeated member,
  // a value of the wrong type, a pattern, operator or value that cannot be meant. InvalidArgument:
  // its text names the place, says what is wrong there, and how to mend it, in one line.
  //
  // Without "Version": "2012-10-17" the text ${...} is no policy variable, as with AWS.
  static absl::StatusOr<PolicyDocument> Parse(std::string_view text, DocumentKind kind);

  const std::string& id() const { return id_; }
  const std::vector<Statement>& statements() const { return statements_; }

  // ContextKeys returns the keys that conditions and variables look at, in lower case, sorted.
  std::vector<std::string> ContextKeys() const;

 private:
  friend class PolicyReader;

  std::string id_;
  std::vector<Statement> statements_;
};

}  // namespace relay::policy
