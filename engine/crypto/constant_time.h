#pragma once

#include <span>

#include "engine/base/bytes.h"

namespace engine::crypto {

// ConstantTimeEqual compares secrets in a time that depends on their size alone, so that nobody
// learns from the clock how much of a guess was right. Different sizes are unequal at once.
bool ConstantTimeEqual(ByteView left, ByteView right);

// Cleanse overwrites a secret that is no longer needed; the compiler cannot leave it out.
void Cleanse(std::span<std::byte> secret);

}  // namespace engine::crypto
