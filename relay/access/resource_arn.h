// The names of things in policies: arn:aws:ssm:REGION:ACCOUNT:RESOURCE.

#pragma once

#include <string>
#include <string_view>

namespace relay {

// The one region there is. Requests may be signed for any; policies find that in
// aws:RequestedRegion.
inline constexpr std::string_view kRegion = "adit";

std::string NodeArn(std::string_view node_id);
std::string ActivationArn(std::string_view activation_id);
std::string SessionArn(std::string_view session_id);

// DocumentArn takes a document's name, or its ARN, which it leaves as it is. Documents whose names
// begin with AWS- belong to no account, as with AWS.
std::string DocumentArn(std::string_view name);

// AssumedRoleArn is what a role's session is called:
// arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
std::string AssumedRoleArn(std::string_view role_name, std::string_view session_name);

}  // namespace relay
