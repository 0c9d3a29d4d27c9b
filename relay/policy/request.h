// What is decided about: who asks to do what, to which resource, and what else is known of it.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "engine/base/check.h"
#include "relay/policy/ascii_text.h"
#include "relay/policy/request_context.h"

namespace relay::policy {

// RequestPrincipal is who asks, as the Principal of a resource's policy sees it. Identity policies
// do not look at it: to them, who asks is keys of the context (aws:username and so on).
struct RequestPrincipal {
  // A user's ARN, a role session's ARN (arn:aws:sts::...:assumed-role/ROLE/SESSION), or the name of
  // a service.
  std::string_view arn;
  // The account's id. Empty for a service.
  std::string_view account;
  // The ARN of the role whose session it is. Empty for others.
  std::string_view role_arn;
};

// The API's maximum of an action's name (ActionNameType).
inline constexpr size_t kActionSizeMax = 128;

// Request refers to texts and a context of its maker, which must outlive it.
class Request {
 public:
  // `action` is service and operation, as in ssm:StartSession; its case does not matter.
  // Requires: it has at most kActionSizeMax bytes.
  Request(std::string_view action, std::string_view resource, const RequestContext& context,
          RequestPrincipal principal = {})
      : asked_action_(action), resource_(resource), context_(context), principal_(principal) {
    CHECK(action.size() <= kActionSizeMax);
    std::transform(action.begin(), action.end(), action_.begin(),
                   [](char c) { return LowerCase(c); });
  }

  // The action in lower case, and as it was asked for.
  std::string_view action() const { return std::string_view(action_.data(), asked_action_.size()); }
  std::string_view asked_action() const { return asked_action_; }
  std::string_view resource() const { return resource_; }
  const RequestContext& context() const { return context_; }
  const RequestPrincipal& principal() const { return principal_; }

 private:
  std::array<char, kActionSizeMax> action_;
  std::string_view asked_action_;
  std::string_view resource_;
  const RequestContext& context_;
  RequestPrincipal principal_;
};

}  // namespace relay::policy
