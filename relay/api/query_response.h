// Answers in AWS's query protocol: XML, as IAM and STS have it.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/http/http_message.h"
#include "relay/access/api_error.h"

namespace relay {

// QueryResponse writes what an operation answers: an object is elements, a list is <member>s, but
// one of the name `entry`, which makes a map, repeats itself. Characters that XML cannot have
// become U+FFFD.
engine::HttpResponse QueryResponse(std::string_view operation, std::string_view xml_namespace,
                                   const nlohmann::json& output, std::string_view request_id);

// QueryErrorCode is what this protocol calls an error that both have; another code stays as it is.
std::string_view QueryErrorCode(std::string_view json_code);

// QueryErrorResponse writes an error, with QueryErrorCode's code.
engine::HttpResponse QueryErrorResponse(const ApiError& error, std::string_view xml_namespace,
                                        std::string_view request_id);

}  // namespace relay
