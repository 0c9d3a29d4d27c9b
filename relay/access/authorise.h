// May they? The one step between who asks and what runs.
//
//     AccessCase --+--> policies of the principal (principal_policies.h) --+--> policy::Evaluate
//                  +--> keys of request, principal, resource, now ---------+
//
// It holds for every signed operation, before it runs, and again for as long as a session lives
// (session_watch.h).

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "relay/access/access_case.h"
#include "relay/access/api_error.h"
#include "relay/access/principal_policies.h"
#include "relay/policy/evaluate.h"
#include "relay/policy/request_context.h"
#include "relay/store/store.h"

namespace relay {

class Authoriser {
 public:
  // Requires: the store outlives it.
  explicit Authoriser(Store& store);

  // Check returns nothing when every resource of the question is allowed now, else
  // AccessDeniedException with AWS's sentence and the statement that denies, or that none allows;
  // or what StoreFailure says.
  std::optional<ApiError> Check(const AccessCase& asked, int64_t now_unix_ms);

  // CheckAgain is Check for what was allowed before: whoever asked must be there still, and so must
  // the access key, active. Nothing is decided while the store does not work.
  struct Outcome {
    std::optional<std::string> lost;  // Why it is not allowed any more.
    bool depends_on_time = false;     // Whether that can change though IAM does not.
  };
  absl::StatusOr<Outcome> CheckAgain(const AccessCase& asked, int64_t now_unix_ms);

  // Names is true when a statement that allows the question's first resource demands the value that
  // the question has for the key, and no other one.
  absl::StatusOr<bool> Names(const AccessCase& asked, std::string_view key, int64_t now_unix_ms);

  // ReadTags fills in the tags of the question's resources that have a tag_owner.
  absl::Status ReadTags(AccessQuestion& question);

  PrincipalPolicies& policies() { return policies_; }

 private:
  struct Principal {
    std::shared_ptr<const CompiledPrincipal> entity;
    std::shared_ptr<const CompiledSession> session;  // Null: a permanent key.
    std::shared_ptr<const CompiledPrincipal> trusting;
  };
  absl::StatusOr<Principal> Find(const AccessCase& asked);
  static policy::Policies PoliciesOf(const Principal& principal);
  void Fill(const AccessCase& asked, const AccessResource& resource, const Principal& principal,
            int64_t now_unix_ms);
  bool Names(const AccessCase& asked, std::string_view key, const Principal& principal,
             int64_t now_unix_ms);
  // Decide returns why not.
  std::optional<std::string> Decide(const AccessCase& asked, const Principal& principal,
                                    int64_t now_unix_ms);

  Store& store_;
  PrincipalPolicies policies_;
  std::shared_ptr<const CompiledPrincipal> no_role_;  // Of kNoRole: it trusts nobody.
  policy::RequestContext context_;                    // Of one decision; kept for its memory.
};

// FillContext adds the keys that every request has: of its principal, its way here, and the time.
// How old a proof by MFA is counts from when the request was made.
void FillContext(const AccessCase& asked, const CompiledPrincipal& principal, int64_t now_unix_ms,
                 policy::RequestContext& context);

}  // namespace relay
