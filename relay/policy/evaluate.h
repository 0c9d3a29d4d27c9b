// May this be done? The one entry point of authorisation.

#pragma once

#include <cstdint>
#include <string>

#include "relay/policy/policy_set.h"
#include "relay/policy/request.h"

namespace relay::policy {

// Policies are all that speak about one request. They stay their owner's, and must live as long as
// the Decision is looked at. Null: there is none of that kind.
//
//     identity    of the user and its groups, or of the role: inline and managed
//     boundary    the permission boundary: what identity policies may at most give
//     session     what was passed to AssumeRole: what the session may at most do
//     resource    of the resource itself; what it allows to somebody by name needs no identity
//     policy trust       of the role that is to be assumed: a resource policy that must allow
struct Policies {
  const PolicySet* identity = nullptr;
  const PolicySet* boundary = nullptr;
  const PolicySet* session = nullptr;
  const PolicySet* resource = nullptr;
  const PolicySet* trust = nullptr;
};

enum class Layer : uint8_t { kIdentity, kBoundary, kSession, kResource, kTrust };

enum class Verdict : uint8_t { kAllowed, kExplicitDeny, kImplicitDeny };

struct Decision {
  Verdict verdict = Verdict::kImplicitDeny;
  // Allowed or explicitly denied: where the statement is. Implicitly denied: what does not allow
  // it.
  Layer layer = Layer::kIdentity;
  // The statement that decided; empty for an implicit denial.
  StatementRef statement;

  bool allowed() const { return verdict == Verdict::kAllowed; }
};

// Evaluate decides as AWS does for a principal and a resource of one account:
//
//   1. A Deny that matches, in any layer, denies.
//   2. A trust policy that does not allow it denies.
//   3. A resource or trust policy that names the user, or the role's session, itself: allowed.
//   4. Otherwise an identity policy must allow it, or a resource or trust policy that names the
//      session's role, or everybody.
//   5. A boundary, if there is one, must allow it, except where everybody is named; and so must a
//      session's policy.
//
// It does not allocate. With many statements it looks only at those whose action and resource begin
// like the request's (relay/policy/policy_set.h).
Decision Evaluate(const Policies& policies, const Request& request);

// Names is true when an Allow statement of an identity policy, of those that speak about the
// request, demands that very value of a key. What is allowed to all is allowed without being named.
bool Names(const Policies& policies, const Request& request, const ContextKey& key,
           std::string_view value);

// Explain says why in the words of AWS's AccessDenied, and names the statement that decided:
// "with an explicit deny in an identity-based policy (arn:aws:iam::aws:policy/X, statement 2, Sid
// "Y")".
std::string Explain(const Decision& decision, const Request& request);

}  // namespace relay::policy
