#pragma once

#include "engine/base/bytes.h"

namespace engine {

// IsUtf8 is true when `bytes` are well-formed UTF-8 as RFC 3629 has it: no overlong forms, no
// surrogates, nothing above U+10FFFF, no character cut off at the end.
bool IsUtf8(ByteView bytes);

}  // namespace engine
