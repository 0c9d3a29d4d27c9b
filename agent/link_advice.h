#pragma once

#include <string>

#include "agent/relay_link.h"

namespace agent {

// LinkAdvice says what a person can do about a link that does not come up, or does not stay; empty
// when there is nothing.
std::string LinkAdvice(const LinkEnd& end);

}  // namespace agent
