#pragma once

#include <cstddef>
#include <string_view>

#include "engine/base/bytes.h"

namespace engine {

// IsUtf8 is true when `bytes` are well-formed UTF-8 as RFC 3629 has it: no overlong forms, no
// surrogates, nothing above U+10FFFF, no character cut off at the end.
bool IsUtf8(ByteView bytes);

// CutUtf8 returns the begin of `text` that takes `size_max` bytes at most and ends between two
// characters of UTF-8, so that what was well-formed stays so.
std::string_view CutUtf8(std::string_view text, size_t size_max);

}  // namespace engine
