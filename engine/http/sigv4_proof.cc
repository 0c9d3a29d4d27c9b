#include "engine/http/sigv4_proof.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/digest.h"
#include "engine/http/amz_date.h"
#include "engine/http/sigv4_text.h"

namespace engine {
namespace {

// The longest list that is read: a request has no more headers than this that are worth signing.
constexpr size_t kSignedHeadersCountMax = 64;

// What a presigned address is known by, and what it consists of.
constexpr std::string_view kAlgorithmName = "X-Amz-Algorithm";
constexpr std::string_view kTokenName = "X-Amz-Security-Token";

bool ParseCredential(std::string_view text, SigV4Authorization& out) {
  const std::vector<std::string_view> parts = Split(text, '/');
  if (parts.size() != 5) return false;
  for (const std::string_view part : parts) {
    if (part.empty()) return false;
  }
  out.access_key_id = parts[0];
  out.scope = {std::string(parts[1]), std::string(parts[2]), std::string(parts[3])};
  out.terminator = parts[4];
  return true;
}

// IsHeaderName is true of a lower-case token (RFC 9110 5.6.2): a line end in a name would make one
// canonical request look like another.
bool IsHeaderName(std::string_view name) {
  return !name.empty() && name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyz0123456789"
                              "!#$%&'*+-.^_`|~") == std::string_view::npos;
}

bool ParseSignedHeaders(std::string_view text, SigV4Authorization& out) {
  for (const std::string_view name : Split(text, ';')) {
    if (!IsHeaderName(name)) return false;
    if (!out.signed_headers.empty() && out.signed_headers.back() >= name) return false;
    if (out.signed_headers.size() == kSignedHeadersCountMax) return false;
    out.signed_headers.emplace_back(name);
  }
  return true;
}

bool ParseSignature(std::string_view text, SigV4Authorization& out) {
  std::array<std::byte, crypto::kSha256Size> bytes;
  if (!FromHex(text, bytes) || text != LowerAscii(text)) return false;
  out.signature = text;
  return true;
}

bool ParseRsaSignature(std::string_view text, SigV4Authorization& out) {
  if (text.empty() || !crypto::DecodeBase64(text).has_value()) return false;
  out.signature = text;
  return true;
}

std::optional<int64_t> ParseSeconds(std::string_view text, int64_t max) {
  int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
    if (value > max) return std::nullopt;
  }
  if (value == 0) return std::nullopt;
  return value;
}

SigV4Problem Incomplete(std::string text) {
  return {SigV4Problem::Kind::kIncomplete, std::move(text)};
}

// IsPresignName is true of the names that make an address a presigned one.
bool IsPresignName(std::string_view name) {
  constexpr std::string_view kNames[] = {kAlgorithmName,  "X-Amz-Credential",    "X-Amz-Date",
                                         "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::variant<SigV4Proof, SigV4Problem> ReadHeader(const HttpRequest& request,
                                                  std::string_view header, SigV4Key key) {
  std::string problem;
  std::optional<SigV4Authorization> authorization = ParseAuthorization(header, problem, key);
  if (!authorization.has_value()) return Incomplete(std::move(problem));
  SigV4Proof proof{.authorization = *std::move(authorization)};
  const std::string* date = request.headers.Find("x-amz-date");
  if (date == nullptr) date = request.headers.Find("date");
  if (date == nullptr) {
    return Incomplete(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  std::optional<int64_t> seconds = ParseAmzDate(*date);
  if (!seconds.has_value()) seconds = ParseHttpDate(*date);
  if (!seconds.has_value()) {
    return Incomplete("Date must be in ISO-8601 'basic format'. Got '" + *date + "'.");
  }
  proof.signed_unix_seconds = *seconds;
  proof.amz_date = AmzDate(*seconds);
  if (const std::string* token = request.headers.Find("x-amz-security-token")) {
    proof.session_token = *token;
  }
  return proof;
}

std::variant<SigV4Proof, SigV4Problem> ReadPresigned(const std::vector<QueryParameter>& query) {
  SigV4Proof proof{.form = SigV4Form::kPresigned};
  const auto parse = [&proof](std::string_view name, std::string_view value) {
    if (name == kAlgorithmName) return value == kSigV4Algorithm;
    if (name == "X-Amz-Credential") return ParseCredential(value, proof.authorization);
    if (name == "X-Amz-SignedHeaders") return ParseSignedHeaders(value, proof.authorization);
    if (name == "X-Amz-Signature") return ParseSignature(value, proof.authorization);
    const bool is_date = name == "X-Amz-Date";
    const std::optional<int64_t> seconds =
        is_date ? ParseAmzDate(value) : ParseSeconds(value, kPresignedSecondsMax);
    if (is_date) proof.amz_date = value;
    (is_date ? proof.signed_unix_seconds : proof.expires_seconds) = seconds.value_or(0);
    return seconds.has_value();
  };
  constexpr std::string_view kRequired[] = {kAlgorithmName,        "X-Amz-Credential",
                                            "X-Amz-Date",          "X-Amz-Expires",
                                            "X-Amz-SignedHeaders", "X-Amz-Signature"};
  for (const std::string_view name : kRequired) {
    const auto is_it = [name](const QueryParameter& p) { return p.name == name; };
    const auto found = std::find_if(query.begin(), query.end(), is_it);
    if (found == query.end()) {
      return Incomplete("AWS query-string parameters must include '" + std::string(name) +
                        "'. Re-examine the query-string parameters.");
    }
    if (std::count_if(query.begin(), query.end(), is_it) > 1) {
      return Incomplete("AWS query-string parameter '" + std::string(name) +
                        "' must not be repeated.");
    }
    if (!parse(name, found->value)) {
      return Incomplete("AWS query-string parameter '" + std::string(name) + "' is malformed.");
    }
  }
  for (const QueryParameter& parameter : query) {
    if (parameter.name != kTokenName) continue;
    if (proof.session_token.has_value()) {
      return Incomplete("AWS query-string parameter 'X-Amz-Security-Token' must not be repeated.");
    }
    proof.session_token = parameter.value;
  }
  return proof;
}

}  // namespace

bool SigV4Proof::IsSigned(std::string_view header_name) const {
  const std::vector<std::string>& names = authorization.signed_headers;
  return std::binary_search(names.begin(), names.end(), header_name);
}

std::variant<SigV4Proof, SigV4Problem> ReadProof(const HttpRequest& request, SigV4Key key) {
  const std::string* header = request.headers.Find("authorization");
  const std::vector<QueryParameter> query = ParseQuery(request.query());
  const bool is_presigned = std::any_of(
      query.begin(), query.end(), [](const QueryParameter& p) { return IsPresignName(p.name); });
  if (header == nullptr && !is_presigned) {
    return SigV4Problem{SigV4Problem::Kind::kMissing, "Request is missing Authentication Token"};
  }
  if (header != nullptr && is_presigned) {
    return Incomplete(
        "Only one authentication mechanism is allowed: the X-Amz-* query parameters or the "
        "Authorization header.");
  }
  return is_presigned ? ReadPresigned(query) : ReadHeader(request, *header, key);
}

std::optional<SigV4Authorization> ParseAuthorization(std::string_view header, std::string& problem,
                                                     SigV4Key key) {
  if (header.size() > kAuthorizationSizeMax) {
    problem = "Authorization header is too large.";
    return std::nullopt;
  }
  header = TrimBlanks(header);
  if (!header.starts_with(kSigV4Algorithm) || header.size() == kSigV4Algorithm.size() ||
      header[kSigV4Algorithm.size()] != ' ') {
    problem = "Authorization header requires the algorithm 'AWS4-HMAC-SHA256'.";
    return std::nullopt;
  }
  header.remove_prefix(kSigV4Algorithm.size() + 1);
  struct Part {
    std::string_view name;
    bool (*parse)(std::string_view, SigV4Authorization&);
    bool seen = false;
  };
  Part parts[] = {{"Credential", ParseCredential},
                  {"Signature", key == SigV4Key::kRsa ? ParseRsaSignature : ParseSignature},
                  {"SignedHeaders", ParseSignedHeaders}};
  SigV4Authorization result;
  for (const std::string_view field : Split(header, ',')) {
    const std::string_view text = TrimBlanks(field);
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const auto part = std::find_if(std::begin(parts), std::end(parts),
                                   [&](const Part& p) { return p.name == name; });
    if (part == std::end(parts) || equals == std::string_view::npos) {
      problem =
          "Authorization header has a part that is not Credential, SignedHeaders or Signature.";
      return std::nullopt;
    }
    if (std::exchange(part->seen, true)) {
      problem = "Authorization header has the '" + std::string(name) + "' parameter twice.";
      return std::nullopt;
    }
    if (!part->parse(text.substr(equals + 1), result)) {
      problem = "Authorization header has a malformed '" + std::string(name) + "' parameter.";
      return std::nullopt;
    }
  }
  for (const Part& part : parts) {
    if (part.seen) continue;
    problem = "Authorization header requires '" + std::string(part.name) + "' parameter.";
    return std::nullopt;
  }
  return result;
}

}  // namespace engine
