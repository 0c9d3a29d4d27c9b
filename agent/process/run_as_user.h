// As whom a session's program runs. This machine decides, whatever the relay asks:
//
//     agent runs as     no user asked for          a user asked for
//     root              `adit`, made when missing  that one, if it exists and is not root
//     anybody else      the agent's own user       the agent's own user only

#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace agent {

// The user that an agent of root runs sessions as, unless the request names another.
inline constexpr std::string_view kDefaultUser = "adit";

struct RunAsUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // What initgroups(3) would set, looked up before fork.
  std::string home;
  std::string shell;

  // Whether the process must change its identity to become this user.
  bool change_identity = false;
};

// ChooseRunAsUser applies the table above. `wanted` is empty when the request names nobody;
// `agent_uid` is the effective user of this process. An error's text is for the session's user.
// It reads the user database, and blocks for that; making `adit` blocks for kMakeUserMax at most,
// once in a machine's life.
absl::StatusOr<RunAsUser> ChooseRunAsUser(std::string_view wanted, uid_t agent_uid);

}  // namespace agent
