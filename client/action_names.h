// The names that actions have in policies. IAM takes any: a misspelt one allows or denies nothing,
// without a word, so that whoever writes policies by hand is told here.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace client {

// ActionNames are all that the relay may ask for, "ssm:StartSession" and so on, and those of AWS's
// that stand in policies beside them.
std::span<const std::string_view> ActionNames();

// DoubtOfAction says why an action, which may have wildcards, matches nothing of ActionNames, and
// what comes near it; empty: it matches something, or is of another service.
std::string DoubtOfAction(std::string_view action);

// DoubtsOfPolicy are those of all actions in a policy, in JSON, each once; none of what is no
// policy.
std::vector<std::string> DoubtsOfPolicy(std::string_view policy);

}  // namespace client
