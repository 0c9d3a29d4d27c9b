// The policies of one kind that a principal has, indexed by action and resource.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "relay/policy/policy_document.h"
#include "relay/policy/prefix_tree.h"
#include "relay/policy/request.h"
#include "relay/policy/statement_bucket.h"

namespace relay::policy {

// AttachedPolicy is a document under the name by which people know it: a managed policy's ARN, or
// an inline policy's name. Documents are shared by all who have them.
struct AttachedPolicy {
  std::string name;
  std::shared_ptr<const PolicyDocument> document;
};

// PolicySet is immutable; it is made anew when a policy of the principal changes.
//
// Its index has three steps. A request's action leads to the groups of statements whose action it
// may be, by the plain text that each pattern begins with. Its resource leads, inside each group,
// to the statements whose resource it may be, by the plain text that the part behind the ARN's
// fifth colon begins with: what stands before it is seldom written out. There, a key of the context
// tells apart those that demand certain values of it. Only what remains is looked at:
//
//     ssm:startsession -> "ssm:startsession" -> managed-instance/mi-0123 -> statement 7
//                      -> "ssm:*"            -> managed-instance/        -> team = db -> statement
//                      2
class PolicySet {
 public:
  explicit PolicySet(std::vector<AttachedPolicy> policies);

  PolicySet(const PolicySet&) = delete;
  PolicySet& operator=(const PolicySet&) = delete;

  // Find returns a statement of this effect that matches the request, or an empty one. It does not
  // allocate. Principal elements are not looked at.
  StatementRef Find(Effect effect, const Request& request) const;

  // FindAll returns all that match, of both effects, in the order of policies and statements.
  std::vector<StatementRef> FindAll(const Request& request) const;

  const std::vector<AttachedPolicy>& policies() const { return policies_; }

 private:
  struct Group {
    // Null: statements with NotAction.
    const Pattern* action;
    // Its values are places in buckets.
    PrefixTree resources;
  };
  struct Index {
    std::vector<StatementBucket> buckets;
    std::vector<Group> groups;
    // Its values are places in groups.
    PrefixTree actions{{}};
  };

  Index MakeIndex(Effect effect) const;

  const Index& index(Effect effect) const { return indexes_[static_cast<size_t>(effect)]; }

  const std::vector<AttachedPolicy> policies_;
  std::array<Index, 2> indexes_;
};

}  // namespace relay::policy
