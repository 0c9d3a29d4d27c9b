// What plain_relay_mode.cc does at the ends of a chain that encrypts: records of TLS 1.3's size and
// cipher, and nothing else of TLS. No handshake: both ends have one key, which is no secret, and
// each direction of a connection counts its own records, so it is a measure and protects nothing.

#pragma once

#include <cstddef>

namespace loadgen {

// Both move bytes from one socket to another until one of them ends, `size` at a time at most.
void Seal(int from, int to, size_t size);
void Open(int from, int to, size_t size);

}  // namespace loadgen
