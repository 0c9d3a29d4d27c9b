#pragma once

#include <string>

#include "client/carriage.h"

namespace client {

// LinkEnd says why a link is over.
struct LinkEnd {
  std::string text;          // For people; empty when Close was called.
  bool unexplained = false;  // A lane: it was cut without a word. The relay may know why.
  bool told = false;         // The session is over, as the other side or the relay said.
};

// LinkEndText is what to say of a link whose carriage ended like that, for people; `was_ready`: the
// other side had said hello.
std::string LinkEndText(const LinkTarget& target, const CarriageEnd& end, bool was_ready);

}  // namespace client
