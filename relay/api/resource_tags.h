// Tags in requests, and what they are put on.

#pragma once

#include <string>
#include <vector>

#include "relay/access/access_case.h"
#include "relay/access/caller.h"
#include "relay/api/api_call.h"

namespace relay {

inline constexpr size_t kTagsMax = 50;       // Of one resource.
inline constexpr size_t kTagListMax = 1000;  // In one request.

// ReadTagList reads [{"Key","Value"}] under `name`; absent: none.
std::vector<IamTag> ReadTagList(const nlohmann::json& input, const char* name,
                                std::optional<ApiError>& error);

// PutTags adds to the tags of `arn`. TooManyTagsError: there would be more than kTagsMax.
std::optional<ApiError> PutTags(Store& store, const std::string& arn,
                                const std::vector<IamTag>& tags);
std::optional<ApiError> RemoveAllTags(Store& store, const std::string& arn);

// AddTagKeys adds aws:RequestTag/KEY and aws:TagKeys of a request's `Tags`.
void AddTagKeys(ApiCall& call, AccessQuestion& question);

}  // namespace relay
