// Random bytes for secrets: keys, tokens, nonces.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace engine::crypto {

// FillRandom fills `out` from BoringSSL's generator, which the kernel seeds. It cannot fail: a
// machine without randomness stops the process. Thread-safe.
void FillRandom(std::span<std::byte> out);

// RandomHex returns 2 * `size` hexadecimal digits of randomness.
std::string RandomHex(size_t size);

// RandomNumber returns any of all numbers, such as a seed that nobody else has.
uint64_t RandomNumber();

}  // namespace engine::crypto
