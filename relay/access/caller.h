#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "relay/store/iam_store.h"

namespace relay {

// TemporarySession is what temporary credentials add to who asks: a role's session, or a user's
// that proved itself once more.
struct TemporarySession {
  std::string role_arn;  // Empty: it is the user's own.
  std::string name;      // Of a role's session.
  int64_t issued_unix_ms = 0;
  std::optional<int64_t> mfa_unix_ms;    // When a code was given.
  std::vector<std::string> policies;     // Session policies, as JSON; what it may do at most.
  std::vector<std::string> policy_arns;  // Managed ones.
  std::vector<IamTag> tags;              // Session tags; they stand before those of the entity.
  std::vector<std::string> transitive_tag_keys;  // Those that the next role's session has, too.
  std::string source_identity;
  std::string issuer_key_id;  // Of a user's own: it ends with the access key that asked for it.
};

// Caller is the proven sender of a request.
struct Caller {
  std::string access_key_id;
  std::string
      user_name;  // Of a user, or the name of a role's session: what session ids begin with.
  std::string principal;  // ARN: of the user, or arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
  std::string entity_id;  // The user's or the role's, in the IamStore.
  std::string region;     // For which the request was signed.
  std::optional<TemporarySession> temporary;
  // Of a node, which is all of the above, too: it calls what nodes do, and policies say nothing of
  // it. Empty: a principal.
  std::string node_id;

  // AIDA... of a user, AROA...:SESSION of a role's session: the key aws:userid.
  std::string UserId() const {
    const bool is_role = temporary.has_value() && !temporary->role_arn.empty();
    return is_role ? entity_id + ":" + temporary->name : entity_id;
  }
};

}  // namespace relay
