// Reading the members of an IAM request, each within the limits that AWS's model has.

#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/access/api_error.h"
#include "relay/policy/policy_document.h"
#include "relay/store/iam_store.h"

namespace relay::iam {

inline constexpr size_t kTagsMax = 50;
inline constexpr int64_t kPageDefault = 100;
inline constexpr int64_t kPageMax = 1'000;

// Sizes of documents count all but blanks.
inline constexpr size_t kTrustSizeMax = 2'048;
size_t DocumentSize(std::string_view document);

// PageWish is which part of a list is asked for.
struct PageWish {
  std::string after;  // The last name of the page before.
  size_t count_max = kPageDefault;
};

// IamInput keeps the first thing that is wrong, in error(); after that every call returns something
// empty.
class IamInput {
 public:
  explicit IamInput(const nlohmann::json& input) : input_(input) {}

  bool Has(const char* member) const;
  // Name is 1 to `size_max` of A-Z a-z 0-9 _ + = , . @ -
  std::string Name(const char* member, size_t size_max = 128);
  std::string NameIfAny(const char* member, size_t size_max = 128);
  // Path begins and ends with a slash; a missing one is "/". Prefix need not end with one.
  std::string Path(const char* member = "Path");
  std::string PathPrefix();
  std::string Arn(const char* member);
  std::string Text(const char* member, size_t size_min, size_t size_max);
  std::string TextIfAny(const char* member, size_t size_max);
  // Document is the JSON of a policy, which was parsed once to see that it can be.
  std::string Document(const char* member, policy::DocumentKind kind);
  // CheckTrustSize fails with LimitExceeded when a trust policy is larger than kTrustSizeMax.
  void CheckTrustSize(std::string_view document);
  std::vector<std::string> Texts(const char* member, size_t count_max, size_t size_max);
  std::vector<IamTag> Tags();
  int64_t Integer(const char* member, int64_t min, int64_t max, int64_t absent);
  bool Flag(const char* member);
  // Choice is one of a set, or the first of it when it is absent.
  std::string Choice(const char* member, std::vector<std::string_view> choices);
  // Page reads Marker and MaxItems of a list called `list`.
  PageWish Page(std::string_view list);

  void Fail(ApiError error);
  const std::optional<ApiError>& error() const { return error_; }

 private:
  void Violation(std::string_view value, const char* member, const std::string& constraint);
  std::optional<std::string> Find(const char* member);
  const nlohmann::json* FindList(const char* member, size_t count_max);

  const nlohmann::json& input_;
  std::optional<ApiError> error_;
};

// IsName is true of what IamInput::Name takes, but for the size.
bool IsName(std::string_view text);

}  // namespace relay::iam
