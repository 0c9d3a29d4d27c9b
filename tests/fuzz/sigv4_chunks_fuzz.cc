// Goal: no body that claims to be signed in chunks makes the reader crash, and what it takes is
// what was there. Method: foreign bytes; the chunks' sizes add up to the payload.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "engine/http/sigv4_chunks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto body = engine::ReadChunkedBody(text);
  if (!body.has_value()) return 0;
  CHECK(body->payload.size() < text.size());
  CHECK(body->chunks.size() <= engine::kSigV4ChunksMax);
  size_t sum = 0;
  for (const engine::SigV4Chunk& chunk : body->chunks) sum += chunk.size;
  CHECK(sum == body->payload.size());
  CHECK(body->chunks.back().size == 0);
  const engine::SigV4Scope scope{"20130524", "us-east-1", "s3"};
  CHECK(!engine::AreGenuine(*body, {"secret", scope, "20130524T000000Z", "seed"}));
  return 0;
}
