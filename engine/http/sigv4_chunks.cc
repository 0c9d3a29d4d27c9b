#include "engine/http/sigv4_chunks.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"

namespace engine {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kSignatureName = ";chunk-signature=";
constexpr size_t kSignatureDigits = 2 * crypto::kSha256Size;
constexpr size_t kSizeDigitsMax = 8;

// Cut takes `front` from the beginning of `text`; false when it begins otherwise.
bool Cut(std::string_view& text, std::string_view front) {
  if (!text.starts_with(front)) return false;
  text.remove_prefix(front.size());
  return true;
}

bool IsSignature(std::string_view text) {
  return text.size() == kSignatureDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<size_t> CutSize(std::string_view& text) {
  size_t size = 0;
  const char* end = text.data() + std::min(text.size(), kSizeDigitsMax);
  const auto [rest, error] = std::from_chars(text.data(), end, size, 16);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  return size;
}

}  // namespace

bool IsSignedInChunks(const HttpRequest& request) {
  return request.headers.Get("x-amz-content-sha256") == kSigV4ChunkedPayload;
}

std::optional<SigV4ChunkedBody> ReadChunkedBody(std::string_view body) {
  SigV4ChunkedBody out;
  while (out.chunks.size() < kSigV4ChunksMax) {
    const std::optional<size_t> size = CutSize(body);
    if (!size.has_value() || !Cut(body, kSignatureName)) return std::nullopt;
    const std::string_view signature = body.substr(0, kSignatureDigits);
    if (!IsSignature(signature)) return std::nullopt;
    body.remove_prefix(kSignatureDigits);
    if (!Cut(body, kLineEnd) || *size > body.size()) return std::nullopt;
    out.payload += body.substr(0, *size);
    out.chunks.push_back({*size, std::string(signature)});
    body.remove_prefix(*size);
    if (!Cut(body, kLineEnd)) return std::nullopt;
    if (*size > 0) continue;
    if (!body.empty()) return std::nullopt;
    return out;
  }
  return std::nullopt;
}

std::string ChunkSignature(const SigV4ChunkSeed& seed, std::string_view previous,
                           std::string_view bytes) {
  std::string text = "AWS4-HMAC-SHA256-PAYLOAD\n";
  text.append(seed.amz_date).append("\n");
  text.append(seed.scope.Text()).append("\n");
  text.append(previous).append("\n");
  text.append(crypto::HexSha256({})).append("\n");
  text.append(crypto::HexSha256(AsBytes(bytes)));
  return SigV4Signature(seed.secret, seed.scope, text);
}

bool AreGenuine(const SigV4ChunkedBody& body, const SigV4ChunkSeed& seed) {
  std::string_view left = body.payload;
  std::string previous(seed.signature);
  for (const SigV4Chunk& chunk : body.chunks) {
    std::string signature = ChunkSignature(seed, previous, left.substr(0, chunk.size));
    if (!crypto::ConstantTimeEqual(AsBytes(signature), AsBytes(chunk.signature))) return false;
    left.remove_prefix(chunk.size);
    previous = std::move(signature);
  }
  return left.empty() && !body.chunks.empty() && body.chunks.back().size == 0;
}

}  // namespace engine
