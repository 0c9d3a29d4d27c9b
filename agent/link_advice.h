#pragma once

#include <string>

#include "agent/relay_link.h"

namespace agent {

// LinkAdvice says what a person can do about a link that does not come up, or does not stay; empty
// when there is nothing. `state_folder` is where this node's state is.
std::string LinkAdvice(const LinkEnd& end, const std::string& state_folder);

}  // namespace agent
