// What all ways of registering a node have in common: an activation is used, and a node is made.

#pragma once

#include <string>
#include <variant>

#include "relay/api/api_call.h"
#include "relay/store/store.h"

namespace relay {

inline constexpr size_t kActivationIdSizeMax = 64;
inline constexpr size_t kActivationCodeSizeMax = 256;

// CheckCode returns the activation that the code opens. Unauthenticated: whether the id or the code
// was wrong is not told, or ids would be found out one by one.
absl::StatusOr<Activation> CheckCode(Store& store, const std::string& id, const std::string& code);

// UseActivation takes one registration of an activation.
std::variant<Activation, ApiError> UseActivation(ApiContext& context, const ApiCall& call,
                                                 const std::string& id, const std::string& code);

// AddNode keeps a node that was made with an activation, under a new id, with its tags. A name that
// is empty is the activation's, else `host_name`, else the id.
std::optional<ApiError> AddNode(ApiContext& context, const ApiCall& call,
                                const Activation& activation, const std::string& host_name,
                                Node& node);

}  // namespace relay
