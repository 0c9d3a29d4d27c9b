// The policies that speak about a principal, compiled once.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "relay/access/caller.h"
#include "relay/policy/policy_set.h"
#include "relay/store/iam_store.h"

namespace relay {

// CompiledPrincipal is a user or role as decisions need it.
struct CompiledPrincipal {
  IamEntity entity;
  std::vector<IamTag> tags;
  std::unique_ptr<const policy::PolicySet>
      identity;  // Its own and its groups', inline and managed.
  std::unique_ptr<const policy::PolicySet> boundary;  // Null: none.
  std::unique_ptr<const policy::PolicySet> trust;     // Of a role.
  // Whether a decision can change only because time passes.
  bool depends_on_time = false;
};

// CompiledSession is what temporary credentials were narrowed to.
struct CompiledSession {
  std::unique_ptr<const policy::PolicySet> policies;  // Null: not narrowed.
  bool depends_on_time = false;
};

// PrincipalPolicies keeps what it has compiled until the next change of IAM, and the documents of
// managed policies, whose versions never change, for longer.
class PrincipalPolicies {
 public:
  static constexpr size_t kPrincipalsMax = 20'000;
  static constexpr size_t kDocumentsMax = 5'000;

  // Requires: the store outlives it.
  explicit PrincipalPolicies(IamStore& iam) : iam_(iam) {}

  // Of returns a user or a role by its id. NotFound: it is gone. DataLoss: one of its policies
  // cannot be read, so that nothing can be decided. Others: the store does not work.
  absl::StatusOr<std::shared_ptr<const CompiledPrincipal>> Of(std::string_view entity_id);

  // OfSession returns the session policies of temporary credentials.
  absl::StatusOr<std::shared_ptr<const CompiledSession>> OfSession(std::string_view access_key_id,
                                                                   const TemporarySession& session);

 private:
  using Document = std::shared_ptr<const policy::PolicyDocument>;

  void DropIfChanged();
  absl::StatusOr<Document> Parse(std::string_view name, std::string_view text,
                                 policy::DocumentKind kind);
  absl::StatusOr<Document> Managed(std::string_view arn);
  // Collect adds an entity's inline and attached policies.
  absl::Status Collect(const IamEntity& entity, std::vector<policy::AttachedPolicy>& policies);

  IamStore& iam_;
  uint64_t revision_ = 0;
  std::unordered_map<std::string, std::shared_ptr<const CompiledPrincipal>> principals_;
  std::unordered_map<std::string, std::shared_ptr<const CompiledSession>> sessions_;
  std::unordered_map<std::string, Document> documents_;  // By policy id and version.
};

}  // namespace relay
