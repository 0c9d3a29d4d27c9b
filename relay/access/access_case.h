// What is asked, by whom: all that a decision needs beside the policies and the time.

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "relay/access/caller.h"

namespace relay {

// ConditionKeys are keys of a request's context with their values: {"aws:TagKeys", {"env"}}.
using ConditionKeys = std::vector<std::pair<std::string, std::vector<std::string>>>;

// AccessResource is one thing that something is done to. Its tags are the keys SERVICE:resourceTag/
// and aws:ResourceTag/ of the request.
struct AccessResource {
  std::string arn = "*";
  std::string tag_owner;  // Under which the IamStore has its tags; empty: it has none there.
  std::vector<IamTag> tags;
};

inline constexpr std::string_view kNoRole = "AROA";

// AccessQuestion is an action on resources, each of which has to be allowed. Without any, it is
// allowed to everybody who is there.
struct AccessQuestion {
  std::string action;  // "ssm:StartSession"
  std::vector<AccessResource> resources = {AccessResource()};
  ConditionKeys keys;  // Of the request itself: adit:RemoteHost, aws:RequestTag/team.
  // A key whose value has to be named by a statement that allows the first resource: what anybody
  // may do who may do everything is not enough. Empty: none.
  std::string named_key;
  // The role whose trust policy has to allow it; empty: none. kNoRole: of one that is not there,
  // which is refused as one that trusts nobody is.
  std::string trust_role_id;
};

struct AccessCase {
  Caller caller;
  std::string source_ip;
  std::string user_agent;
  int64_t asked_unix_ms = 0;
  AccessQuestion question;
};

}  // namespace relay
