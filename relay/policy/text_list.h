// The form of most members of a policy: one text, or a list of texts.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace relay::policy {

// ReadTextList appends the text or texts of `json`. False: it is something else, or an empty list,
// and `problem` says so.
bool ReadTextList(const nlohmann::json& json, std::vector<std::string>& out, std::string& problem);

// ReadValueList also takes numbers, true and false, and appends them as they are written.
bool ReadValueList(const nlohmann::json& json, std::vector<std::string>& out, std::string& problem);

}  // namespace relay::policy
