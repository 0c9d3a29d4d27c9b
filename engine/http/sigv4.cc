#include "engine/http/sigv4.h"

#include <algorithm>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/http/amz_date.h"
#include "engine/http/sigv4_text.h"

namespace engine {
namespace {

constexpr std::string_view kSignatureParameter = "X-Amz-Signature";

// CollapseSpaces trims, and makes one space of each run of spaces.
std::string CollapseSpaces(std::string_view text) {
  std::string out;
  for (const char c : TrimBlanks(text)) {
    if (c == ' ' && !out.empty() && out.back() == ' ') continue;
    out.push_back(c);
  }
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

}  // namespace

std::string SigV4Scope::Text() const {
  return date + "/" + region + "/" + service + "/" + std::string(kSigV4Terminator);
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

std::vector<QueryParameter> ParseQuery(std::string_view query) {
  std::vector<QueryParameter> parameters;
  for (const std::string_view part : Split(query, '&')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    parameters.push_back({DecodeQueryPart(part.substr(0, equals)), DecodeQueryPart(value)});
  }
  return parameters;
}

std::string CanonicalQuery(std::string_view query, SigV4Form form) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const QueryParameter& parameter : ParseQuery(query)) {
    if (form == SigV4Form::kPresigned && parameter.name == kSignatureParameter) continue;
    parameters.emplace_back(UriEncode(parameter.name, Slash::kEncode),
                            UriEncode(parameter.value, Slash::kEncode));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out.push_back('&');
    out += name + "=" + value;
  }
  return out;
}

std::string CanonicalRequest(const HttpRequest& request, SigV4Form form,
                             const std::vector<std::string>& signed_headers,
                             std::string_view payload_hash) {
  std::string out = request.method + "\n" + CanonicalPath(request.path()) + "\n" +
                    CanonicalQuery(request.query(), form) + "\n";
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

namespace {

// SignCanonical returns the signature of the request as it is now.
std::string SignCanonical(const HttpRequest& request, SigV4Form form,
                          const std::vector<std::string>& names, std::string_view secret,
                          std::string_view amz_date, const SigV4Scope& scope) {
  const std::string canonical =
      CanonicalRequest(request, form, names, crypto::HexSha256(AsBytes(request.body)));
  return SigV4Signature(secret, scope, StringToSign(amz_date, scope, canonical));
}

// NamesToSign are Host, Content-Type and every X-Amz- header that is there.
std::vector<std::string> NamesToSign(const HttpRequest& request) {
  std::vector<std::string> names;
  for (const HttpHeader& header : request.headers.all()) {
    std::string name = LowerAscii(header.name);
    if (name == "host" || name == "content-type" || name.starts_with("x-amz-")) {
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

void Sign(HttpRequest& request, const AwsCredentials& credentials, std::string_view region,
          std::string_view service, int64_t unix_seconds) {
  CHECK(request.headers.Find("host") != nullptr);
  const std::string date = AmzDate(unix_seconds);
  request.headers.Set("X-Amz-Date", date);
  if (!credentials.session_token.empty()) {
    request.headers.Set("X-Amz-Security-Token", credentials.session_token);
  }
  const std::vector<std::string> names = NamesToSign(request);
  const SigV4Scope scope{date.substr(0, 8), std::string(region), std::string(service)};
  const std::string signature =
      SignCanonical(request, SigV4Form::kHeader, names, credentials.secret, date, scope);
  request.headers.Set("Authorization", std::string(kSigV4Algorithm) +
                                           " Credential=" + credentials.access_key_id + "/" +
                                           scope.Text() + ", SignedHeaders=" + Join(names, ';') +
                                           ", Signature=" + signature);
}

void Presign(HttpRequest& request, const AwsCredentials& credentials, std::string_view region,
             std::string_view service, int64_t unix_seconds, int64_t expires_seconds) {
  CHECK(request.headers.Find("host") != nullptr);
  const std::string date = AmzDate(unix_seconds);
  const std::vector<std::string> names = NamesToSign(request);
  const SigV4Scope scope{date.substr(0, 8), std::string(region), std::string(service)};
  const auto add = [&request](std::string_view name, std::string_view value) {
    request.target += request.target.find('?') == std::string::npos ? '?' : '&';
    request.target += std::string(name) + "=" + UriEncode(value, Slash::kEncode);
  };
  add("X-Amz-Algorithm", kSigV4Algorithm);
  add("X-Amz-Credential", credentials.access_key_id + "/" + scope.Text());
  add("X-Amz-Date", date);
  add("X-Amz-Expires", std::to_string(expires_seconds));
  add("X-Amz-SignedHeaders", Join(names, ';'));
  if (!credentials.session_token.empty()) add("X-Amz-Security-Token", credentials.session_token);
  add(kSignatureParameter,
      SignCanonical(request, SigV4Form::kPresigned, names, credentials.secret, date, scope));
}

}  // namespace engine
