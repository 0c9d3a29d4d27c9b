// AWS Signature Version 4, header form: what client and server both compute. Nothing here reads a
// clock or a store; who may sign is relay/access's business.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/crypto/digest.h"
#include "engine/http/http_message.h"

namespace engine {

inline constexpr std::string_view kSigV4Algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kSigV4Terminator = "aws4_request";
inline constexpr size_t kAuthorizationSizeMax = 4096;

struct AwsCredentials {
  std::string access_key_id;
  std::string secret;         // Never logged.
  std::string session_token;  // Empty for a permanent key.
};

// SigV4Scope says for which day, region and service a signature counts.
struct SigV4Scope {
  std::string date;  // yyyymmdd
  std::string region;
  std::string service;
  std::string Text() const;  // "date/region/service/aws4_request"
};

// SigV4Authorization is a parsed Authorization header.
struct SigV4Authorization {
  std::string access_key_id;
  SigV4Scope scope;
  std::string terminator;                   // As sent; only kSigV4Terminator is valid.
  std::vector<std::string> signed_headers;  // Lower case, sorted, each once.
  std::string signature;                    // 64 lower-case hex digits.
};

// ParseAuthorization reads a header. On failure it returns nothing, and `problem` is a sentence
// that names the part that is missing or malformed.
std::optional<SigV4Authorization> ParseAuthorization(std::string_view header, std::string& problem);

// UriEncode percent-encodes everything but A-Za-z0-9-_.~ (and `/`, if it is to be kept).
enum class Slash : uint8_t { kKeep, kEncode };
std::string UriEncode(std::string_view text, Slash slash);

// CanonicalPath resolves `.`, `..` and empty segments, then encodes each segment once more than it
// is on the wire. CanonicalQuery decodes, encodes again, and sorts.
std::string CanonicalPath(std::string_view path);
std::string CanonicalQuery(std::string_view query);

// CanonicalRequest returns the text that is hashed. Of a header that is signed but not there,
// nothing but its name is written.
std::string CanonicalRequest(const HttpRequest& request,
                             const std::vector<std::string>& signed_headers,
                             std::string_view payload_hash);

std::string StringToSign(std::string_view amz_date, const SigV4Scope& scope,
                         std::string_view canonical_request);

// SigV4Signature returns 64 lower-case hex digits.
std::string SigV4Signature(std::string_view secret, const SigV4Scope& scope,
                           std::string_view string_to_sign);

// Sign adds X-Amz-Date, X-Amz-Security-Token (if there is one) and Authorization to a request. Host
// and, if they are there, Content-Type and every X-Amz- header are signed.
// Requires: the request has a Host header.
void Sign(HttpRequest& request, const AwsCredentials& credentials, std::string_view region,
          std::string_view service, int64_t unix_seconds);

}  // namespace engine
