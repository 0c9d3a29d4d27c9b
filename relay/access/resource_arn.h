// The names of things in policies: arn:aws:ssm:REGION:ACCOUNT:RESOURCE.

#pragma once

#include <string>
#include <string_view>

namespace relay {

// The one region there is. Requests may be signed for any; policies find that in
// aws:RequestedRegion.
inline constexpr std::string_view kRegion = "adit";

std::string NodeArn(std::string_view node_id);
std::string SessionArn(std::string_view session_id);

// DocumentArn takes a document's name, or its ARN, which it leaves as it is. Documents whose names
// begin with AWS- belong to no account, as with AWS.
std::string DocumentArn(std::string_view name);

}  // namespace relay
