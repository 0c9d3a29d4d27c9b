#include "engine/tls/tls_memory.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

// AddressSanitizer must see every buffer go, or it cannot find who uses one afterwards.
#if defined(__SANITIZE_ADDRESS__)
#define ENGINE_TLS_RECYCLE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ENGINE_TLS_RECYCLE 0
#endif
#endif
#ifndef ENGINE_TLS_RECYCLE
#define ENGINE_TLS_RECYCLE 1
#endif

namespace engine {
namespace {

std::atomic<uint64_t> heap_allocations{0};
std::atomic<uint64_t> heap_frees{0};
std::atomic<uint64_t> heap_bytes{0};

// What stands before every piece of memory, so that its size is known when it is freed. Its own
// size keeps what follows aligned as malloc aligns.
struct alignas(std::max_align_t) Header {
  size_t size;      // What was asked for.
  size_t capacity;  // What follows this header.
};

Header* HeaderOf(void* memory) { return static_cast<Header*>(memory) - 1; }

void* TakeFromHeap(size_t size, size_t capacity) {
  if (capacity > SIZE_MAX - sizeof(Header)) return nullptr;
  void* memory = std::malloc(sizeof(Header) + capacity);
  if (memory == nullptr) return nullptr;
  heap_allocations.fetch_add(1, std::memory_order_relaxed);
  heap_bytes.fetch_add(sizeof(Header) + capacity, std::memory_order_relaxed);
  return ::new (memory) Header{size, capacity} + 1;
}

void GiveToHeap(Header* header) {
  heap_frees.fetch_add(1, std::memory_order_relaxed);
  heap_bytes.fetch_sub(sizeof(Header) + header->capacity, std::memory_order_relaxed);
  std::free(header);
}

// Record buffers come in two sizes: a record with a frame of a keystroke, and a full record with a
// little room for what BoringSSL puts around it (alignment, a key update before it).
constexpr std::array<size_t, 2> kCapacities = {1024, 17 * 1024};

// The most buffers of one size that a thread keeps. A connection needs two while a record is opened
// or sealed and none in between, so that more are in use only where records have come in part.
constexpr size_t kKeptMax = 16;

enum class CacheState : uint8_t { kFresh, kAlive, kGone };

// BoringSSL may free memory while its thread ends, after the cache is gone: the state outlives it.
thread_local CacheState cache_state = CacheState::kFresh;
thread_local uint64_t recycled = 0;

class RecordCache {
 public:
  RecordCache() { cache_state = CacheState::kAlive; }
  ~RecordCache() {
    cache_state = CacheState::kGone;
    for (Kept& kept : kept_) {
      while (kept.count > 0) GiveToHeap(kept.headers[--kept.count]);
    }
  }

  Header* Take(size_t size_class) {
    Kept& kept = kept_[size_class];
    return kept.count == 0 ? nullptr : kept.headers[--kept.count];
  }
  bool Keep(size_t size_class, Header* header) {
    Kept& kept = kept_[size_class];
    if (kept.count == kKeptMax) return false;
    kept.headers[kept.count++] = header;
    return true;
  }

 private:
  struct Kept {
    std::array<Header*, kKeptMax> headers;
    size_t count = 0;
  };
  std::array<Kept, kCapacities.size()> kept_;
};

RecordCache* Cache() {
  if (!ENGINE_TLS_RECYCLE || cache_state == CacheState::kGone) return nullptr;
  thread_local RecordCache cache;
  return &cache;
}

// ClassOf returns kCapacities.size() for what is too large to be kept.
size_t ClassOf(size_t size) {
  size_t size_class = 0;
  while (size_class < kCapacities.size() && size > kCapacities[size_class]) ++size_class;
  return size_class;
}

void* TakeRecord(size_t size) {
  const size_t size_class = ClassOf(size);
  if (size_class == kCapacities.size()) return TakeFromHeap(size, size);
  if (RecordCache* cache = Cache(); cache != nullptr) {
    if (Header* header = cache->Take(size_class); header != nullptr) {
      ++recycled;
      header->size = size;
      return header + 1;
    }
  }
  return TakeFromHeap(size, kCapacities[size_class]);
}

void GiveRecord(Header* header) {
  const size_t size_class = ClassOf(header->size);
  if (size_class < kCapacities.size()) {
    RecordCache* cache = Cache();
    if (cache != nullptr && cache->Keep(size_class, header)) return;
  }
  GiveToHeap(header);
}

// Forget overwrites what BoringSSL asks to be forgotten, by a call that the compiler cannot see
// through, or it would leave out a write to memory that is freed next.
void* (*volatile overwrite)(void*, int, size_t) = std::memset;

void Forget(void* memory, size_t size) { overwrite(memory, 0, size); }

}  // namespace

TlsMemoryCounts TlsMemory() {
  return {.heap_allocations = heap_allocations.load(std::memory_order_relaxed),
          .heap_frees = heap_frees.load(std::memory_order_relaxed),
          .heap_bytes = heap_bytes.load(std::memory_order_relaxed)};
}

uint64_t TlsMemoryRecycled() { return recycled; }

}  // namespace engine

// BoringSSL declares these weak and calls them where they are defined. They may be called while it
// holds locks, so they call nothing of it.
extern "C" {

void* OPENSSL_memory_alloc(size_t size) { return engine::TakeFromHeap(size, size); }

void OPENSSL_memory_free(void* memory) {
  engine::Header* header = engine::HeaderOf(memory);
  engine::Forget(memory, header->size);
  engine::GiveToHeap(header);
}

size_t OPENSSL_memory_get_size(void* memory) { return engine::HeaderOf(memory)->size; }

// Our build of BoringSSL takes its record buffers from here
// (tools/cmake/boringssl/record_memory.inc). As with its own malloc for them, they are not
// overwritten.
void* adit_record_alloc(size_t size) { return engine::TakeRecord(size); }

void adit_record_free(void* memory) {
  if (memory != nullptr) engine::GiveRecord(engine::HeaderOf(memory));
}

}  // extern "C"
