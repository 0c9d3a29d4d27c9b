// BoringSSL's memory: counted, and kept for the next record instead of going back to the heap.
//
// BoringSSL allocates one buffer for every record that it opens and one for every record that it
// seals, and frees it afterwards. Such buffers stay in a small list per thread and size class, so
// that an established connection allocates nothing. All else that BoringSSL allocates comes through
// its hooks (OPENSSL_memory_alloc, _free, _get_size), which are defined here and only count. Every
// program that links engine/tls has both. A BoringSSL that was not built by tools/cmake/boringssl/
// (an upstream tree) takes its record buffers from malloc directly: then they are neither kept nor
// counted.

#pragma once

#include <cstdint>

namespace engine {

// TlsMemoryCounts is BoringSSL's share of the process's heap, over all threads.
struct TlsMemoryCounts {
  uint64_t heap_allocations = 0;  // Calls of malloc.
  uint64_t heap_frees = 0;        // Calls of free.
  uint64_t heap_bytes = 0;        // Allocated and not freed; buffers kept for reuse included.
};
TlsMemoryCounts TlsMemory();

// TlsMemoryRecycled returns how many of the calling thread's allocations were served without the
// heap.
uint64_t TlsMemoryRecycled();

}  // namespace engine
