#include "engine/http/sigv4.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/http/amz_date.h"

namespace engine {
namespace {

constexpr size_t kSignedHeadersCountMax = 64;

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view TrimSpaces(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// CollapseSpaces trims, and makes one space of each run of spaces.
std::string CollapseSpaces(std::string_view text) {
  std::string out;
  for (const char c : TrimSpaces(text)) {
    if (c == ' ' && !out.empty() && out.back() == ' ') continue;
    out.push_back(c);
  }
  return out;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// DecodeQueryPart undoes percent-encoding; a stray `%` stays, and a raw `+` is a space.
std::string DecodeQueryPart(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::string ToText(const crypto::Sha256Digest& digest) {
  return std::string(AsText(ByteView(digest)));
}

std::string Join(const std::vector<std::string>& parts, char separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out.push_back(separator);
    out += part;
  }
  return out;
}

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

bool ParseSignedHeaders(std::string_view text, SigV4Authorization& out) {
  for (const std::string_view name : Split(text, ';')) {
    if (name.empty() || name != Lower(name)) return false;
    if (!out.signed_headers.empty() && out.signed_headers.back() >= name) return false;
    if (out.signed_headers.size() == kSignedHeadersCountMax) return false;
    out.signed_headers.emplace_back(name);
  }
  return true;
}

bool ParseSignature(std::string_view text, SigV4Authorization& out) {
  std::array<std::byte, crypto::kSha256Size> bytes;
  if (!FromHex(text, bytes) || text != Lower(text)) return false;
  out.signature = text;
  return true;
}

}  // namespace

std::string SigV4Scope::Text() const {
  return date + "/" + region + "/" + service + "/" + std::string(kSigV4Terminator);
}

std::optional<SigV4Authorization> ParseAuthorization(std::string_view header,
                                                     std::string& problem) {
  if (header.size() > kAuthorizationSizeMax) {
    problem = "Authorization header is too large.";
    return std::nullopt;
  }
  header = TrimSpaces(header);
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
                  {"Signature", ParseSignature},
                  {"SignedHeaders", ParseSignedHeaders}};
  SigV4Authorization result;
  for (const std::string_view field : Split(header, ',')) {
    const std::string_view text = TrimSpaces(field);
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

std::string UriEncode(std::string_view text, Slash slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (IsUnreserved(c) || (c == '/' && slash == Slash::kKeep)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string CanonicalPath(std::string_view path) {
  std::vector<std::string_view> kept;
  const std::vector<std::string_view> segments = Split(path, '/');
  for (const std::string_view segment : segments) {
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
      continue;
    }
    kept.push_back(segment);
  }
  std::string out;
  for (const std::string_view segment : kept) {
    out.push_back('/');
    out += UriEncode(segment, Slash::kEncode);
  }
  const std::string_view last = segments.back();
  const bool folder = last.empty() || last == "." || last == "..";
  if (out.empty() || folder) out.push_back('/');
  return out;
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const std::string_view part : Split(query, '&')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    parameters.emplace_back(UriEncode(DecodeQueryPart(part.substr(0, equals)), Slash::kEncode),
                            UriEncode(DecodeQueryPart(value), Slash::kEncode));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out.push_back('&');
    out += name + "=" + value;
  }
  return out;
}

std::string CanonicalRequest(const HttpRequest& request,
                             const std::vector<std::string>& signed_headers,
                             std::string_view payload_hash) {
  std::string out = request.method + "\n" + CanonicalPath(request.path()) + "\n" +
                    CanonicalQuery(request.query()) + "\n";
  for (const std::string& name : signed_headers) {
    out += name;
    out.push_back(':');
    bool first = true;
    for (const HttpHeader& header : request.headers.all()) {
      if (!EqualsIgnoreCase(header.name, name)) continue;
      if (!std::exchange(first, false)) out.push_back(',');
      out += CollapseSpaces(header.value);
    }
    out.push_back('\n');
  }
  out.push_back('\n');
  out += Join(signed_headers, ';');
  out.push_back('\n');
  out += payload_hash;
  return out;
}

std::string StringToSign(std::string_view amz_date, const SigV4Scope& scope,
                         std::string_view canonical_request) {
  std::string out(kSigV4Algorithm);
  out.push_back('\n');
  out += amz_date;
  out.push_back('\n');
  out += scope.Text();
  out.push_back('\n');
  out += crypto::HexSha256(AsBytes(canonical_request));
  return out;
}

std::string SigV4Signature(std::string_view secret, const SigV4Scope& scope,
                           std::string_view string_to_sign) {
  std::string key = "AWS4" + std::string(secret);
  for (const std::string_view part : {std::string_view(scope.date), std::string_view(scope.region),
                                      std::string_view(scope.service), kSigV4Terminator}) {
    key = ToText(crypto::HmacSha256(AsBytes(key), AsBytes(part)));
  }
  return ToHex(crypto::HmacSha256(AsBytes(key), AsBytes(string_to_sign)));
}

void Sign(HttpRequest& request, const AwsCredentials& credentials, std::string_view region,
          std::string_view service, int64_t unix_seconds) {
  CHECK(request.headers.Find("host") != nullptr);
  const std::string date = AmzDate(unix_seconds);
  request.headers.Set("X-Amz-Date", date);
  if (!credentials.session_token.empty()) {
    request.headers.Set("X-Amz-Security-Token", credentials.session_token);
  }
  std::vector<std::string> names;
  for (const HttpHeader& header : request.headers.all()) {
    std::string name = Lower(header.name);
    if (name == "host" || name == "content-type" || name.starts_with("x-amz-")) {
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const SigV4Scope scope{date.substr(0, 8), std::string(region), std::string(service)};
  const std::string canonical =
      CanonicalRequest(request, names, crypto::HexSha256(AsBytes(request.body)));
  const std::string signature =
      SigV4Signature(credentials.secret, scope, StringToSign(date, scope, canonical));
  request.headers.Set("Authorization", std::string(kSigV4Algorithm) +
                                           " Credential=" + credentials.access_key_id + "/" +
                                           scope.Text() + ", SignedHeaders=" + Join(names, ';') +
                                           ", Signature=" + signature);
}

}  // namespace engine
