// The Principal or NotPrincipal of a statement: whom a resource's policy speaks of.

#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "relay/policy/request.h"

namespace relay::policy {

// PrincipalMatch is how a statement names who asks, from the weakest to the strongest. What an
// Allow is worth depends on it (relay/policy/evaluate.h).
enum class PrincipalMatch : uint8_t {
  kNone,
  // The account is named: it may pass the permission on by its identity policies.
  kAccount,
  // The role is named whose session it is.
  kRole,
  kEverybody,
  // The user, the role's session or the service itself is named.
  kItself,
};

class PrincipalElement {
 public:
  enum class Sense : uint8_t { kPrincipal, kNotPrincipal };

  // Compile reads "*", or {"AWS": ..., "Service": ..., "Federated": ...} with one value or a list
  // each. Returns nothing when it is neither; `problem` then says what is wrong and how to mend it.
  static std::optional<PrincipalElement> Compile(const nlohmann::json& json, Sense sense,
                                                 std::string& problem);

  // Match is kItself for a NotPrincipal that names neither who asks, nor its role or account.
  PrincipalMatch Match(const RequestPrincipal& principal) const;

  bool is_not_principal() const { return sense_ == Sense::kNotPrincipal; }

 private:
  enum class Kind : uint8_t { kEverybody, kAccount, kArn, kName };
  struct Entry {
    Kind kind;
    std::string text;
  };

  bool AddAws(const std::string& text, std::string& problem);
  PrincipalMatch Strongest(const RequestPrincipal& principal) const;

  std::vector<Entry> entries_;
  Sense sense_ = Sense::kPrincipal;
};

}  // namespace relay::policy
