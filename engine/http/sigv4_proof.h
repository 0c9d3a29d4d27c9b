// What a request brings to prove who sent it: the Authorization header, or the X-Amz-* parameters
// of a presigned address. Foreign text to values; whether they are true is not decided here.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/http/http_message.h"
#include "engine/http/sigv4.h"

namespace engine {

inline constexpr size_t kAuthorizationSizeMax = 4096;

// A presigned address may name at most this many seconds for which it counts.
inline constexpr int64_t kPresignedSecondsMax = 7 * 24 * 3600;

// SigV4Authorization is the part that both forms have.
struct SigV4Authorization {
  std::string access_key_id;
  SigV4Scope scope;
  std::string terminator;                   // As sent; only kSigV4Terminator is valid.
  std::vector<std::string> signed_headers;  // Lower case, sorted, each once.
  std::string signature;                    // 64 lower-case hex digits, or Base64: see SigV4Key.
};

// SigV4Key says by what a request is signed: the HMAC of a secret, as everybody does it, or an RSA
// key, as AWS's agents do where they have no secret yet. Everything else is the same.
enum class SigV4Key : uint8_t { kSecret, kRsa };

// SigV4Proof is all of it.
struct SigV4Proof {
  SigV4Form form = SigV4Form::kHeader;
  SigV4Authorization authorization;
  std::string amz_date;  // yyyymmddThhmmssZ, also when it was sent as Date.
  int64_t signed_unix_seconds = 0;
  int64_t expires_seconds = 0;               // Of a presigned address only.
  std::optional<std::string> session_token;  // Decoded.

  bool IsSigned(std::string_view header_name) const;
};

// SigV4Problem says why there is no proof to look at.
struct SigV4Problem {
  enum class Kind : uint8_t { kMissing, kIncomplete };
  Kind kind = Kind::kMissing;
  std::string text;  // A sentence that names what is missing or malformed.
};

// ReadProof reads the proof of a request. It refuses both forms at once, repeated parts, and a
// proof without a date; it does not look at the clock. Presigned addresses are never signed by RSA.
std::variant<SigV4Proof, SigV4Problem> ReadProof(const HttpRequest& request,
                                                 SigV4Key key = SigV4Key::kSecret);

// ParseAuthorization reads a header. On failure it returns nothing, and `problem` is a sentence
// that names the part that is missing or malformed.
std::optional<SigV4Authorization> ParseAuthorization(std::string_view header, std::string& problem,
                                                     SigV4Key key = SigV4Key::kSecret);

}  // namespace engine
