// Statements that an action and a resource lead to, told apart by what their conditions demand.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "relay/policy/policy_document.h"
#include "relay/policy/request.h"

namespace relay::policy {

struct AttachedPolicy;

// StatementRef names one statement of a PolicySet, and lives as long as that.
struct StatementRef {
  const AttachedPolicy* policy = nullptr;
  // The statement's place in its document, from 0.
  uint32_t index = 0;

  bool empty() const { return policy == nullptr; }
  const Statement& statement() const;
};

// StatementBucket holds candidates for requests of one kind. Most policies by tag differ in nothing
// but the value of one key (StringEquals on ssm:resourceTag/team), so where there are many, a
// candidate whose condition demands certain values of a key is looked at only when the request's
// key has one of them.
class StatementBucket {
 public:
  // The whole of Resource and Action are to be looked at, because one of them is a Not... form.
  static constexpr uint32_t kWhole = UINT32_MAX;

  // Candidate is a statement, and which of its resources leads to it, or kWhole.
  struct Candidate {
    Candidate(const StatementRef& ref_in, uint32_t resource_in)
        : statement(&ref_in.statement()), ref(ref_in), resource(resource_in) {}

    const Statement* statement;
    StatementRef ref;
    uint32_t resource;
  };

  explicit StatementBucket(std::vector<Candidate> candidates);

  // Find returns a statement that matches, or an empty one. It does not allocate.
  StatementRef Find(const Request& request) const;

 private:
  // Up to here, looking at all is cheaper than telling apart.
  static constexpr size_t kLookedAtMax = 4;

  // Candidates that demand values of one key.
  struct Demand {
    ContextKey key;
    absl::flat_hash_map<std::string, std::vector<Candidate>> by_value;
  };

  static StatementRef FindAmong(const std::vector<Candidate>& candidates, const Request& request);
  Demand& DemandOf(const ContextKey& key);
  bool AddToDemand(const Candidate& candidate);

  std::vector<Candidate> looked_at_;
  std::vector<Demand> demands_;
};

}  // namespace relay::policy
