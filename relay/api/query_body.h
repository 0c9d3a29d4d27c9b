// The body of a request in AWS's query protocol, which IAM and STS speak:
//
//     Action=TagUser&Version=2010-05-08&UserName=alice&Tags.member.1.Key=team&Tags.member.1.Value=db

#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "relay/access/api_error.h"

namespace relay {

inline constexpr size_t kQueryPairsMax = 4'000;
inline constexpr size_t kQueryNameSizeMax = 256;
inline constexpr size_t kQueryDepthMax = 12;

// ParseQueryBody reads a body into the object that a JSON body of the same request would be: all
// values are texts, and what is numbered below `member` is a list in the order of the numbers. An
// error when it is malformed, names something twice, or exceeds a maximum.
std::optional<ApiError> ParseQueryBody(std::string_view body, nlohmann::json& out);

}  // namespace relay
