// AWS Signature Version 4, as an Authorization header and as a presigned address: what client and
// server both compute. Nothing here reads a clock or a store; who may sign is relay/access's
// business. sigv4_proof.h reads what others have signed.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/crypto/digest.h"
#include "engine/http/http_message.h"

namespace engine {

inline constexpr std::string_view kSigV4Algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kSigV4Terminator = "aws4_request";

// SigV4Form says where a signature stands.
enum class SigV4Form : uint8_t { kHeader, kPresigned };

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

// UriEncode percent-encodes everything but A-Za-z0-9-_.~ (and `/`, if it is to be kept).
enum class Slash : uint8_t { kKeep, kEncode };
std::string UriEncode(std::string_view text, Slash slash);

// QueryParameter is one part of an address's query, decoded: `%` with two digits is a byte, a stray
// `%` stays, and a raw `+` is a space.
struct QueryParameter {
  std::string name;
  std::string value;
};
std::vector<QueryParameter> ParseQuery(std::string_view query);

// CanonicalPath resolves `.`, `..` and empty segments, then encodes each segment once more than it
// is on the wire. CanonicalQuery decodes, encodes again, and sorts; of a presigned address it
// leaves the signature out.
std::string CanonicalPath(std::string_view path);
std::string CanonicalQuery(std::string_view query, SigV4Form form);

// CanonicalRequest returns the text that is hashed. Of a header that is signed but not there,
// nothing but its name is written.
std::string CanonicalRequest(const HttpRequest& request, SigV4Form form,
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

// Presign adds the same to the request's address instead, so that whoever is given it can send it
// within `expires_seconds`. Host and Content-Type are signed.
// Requires: the request has a Host header.
void Presign(HttpRequest& request, const AwsCredentials& credentials, std::string_view region,
             std::string_view service, int64_t unix_seconds, int64_t expires_seconds);

}  // namespace engine
