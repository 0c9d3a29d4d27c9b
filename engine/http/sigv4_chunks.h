// Bodies that are signed in pieces (aws-chunked): each piece has a signature that covers the one
// before it, and the first one covers that of the request, so that a sender need not know the whole
// body before it begins. Source: Amazon S3 API Reference, "Signature Calculations for the
// Authorization Header: Transferring Payload in Multiple Chunks (AWS Signature Version 4)".
//
//     size in hex ;chunk-signature= 64 hex digits CRLF, that many bytes, CRLF     the last size is
//     0

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/http/http_message.h"
#include "engine/http/sigv4.h"

namespace engine {

// What such a request says in X-Amz-Content-Sha256, and signs instead of a hash.
inline constexpr std::string_view kSigV4ChunkedPayload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

// More pieces than a body of the largest size has, if each but the last has 1 KiB.
inline constexpr size_t kSigV4ChunksMax = 1024;

struct SigV4Chunk {
  size_t size = 0;
  std::string signature;  // 64 lower-case hex digits.
};

// SigV4ChunkedBody is what was in the body of one. The last chunk is the empty one.
struct SigV4ChunkedBody {
  std::string payload;
  std::vector<SigV4Chunk> chunks;
};

bool IsSignedInChunks(const HttpRequest& request);

// ReadChunkedBody takes the body apart; nothing, if it is anything else than chunks up to the empty
// one. Whether they are genuine is for AreGenuine to say.
std::optional<SigV4ChunkedBody> ReadChunkedBody(std::string_view body);

// SigV4ChunkSeed is what the signatures of chunks begin with: that of the request, and its parts.
struct SigV4ChunkSeed {
  std::string_view secret;
  const SigV4Scope& scope;
  std::string_view amz_date;
  std::string_view signature;
};

// ChunkSignature is that of one chunk; `previous` is the one before it, first the seed's.
std::string ChunkSignature(const SigV4ChunkSeed& seed, std::string_view previous,
                           std::string_view bytes);

// AreGenuine says whether each chunk is signed, in this order. In constant time for each.
bool AreGenuine(const SigV4ChunkedBody& body, const SigV4ChunkSeed& seed);

}  // namespace engine
