#include "engine/http/websocket_handshake.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "engine/crypto/base64.h"
#include "engine/crypto/digest.h"
#include "engine/crypto/random_bytes.h"

namespace engine {
namespace {

constexpr size_t kKeySize = 16;
constexpr std::string_view kVersion = "13";
// Fixed by RFC 6455, section 1.3.
constexpr std::string_view kAcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
// Of a foreign answer, how much is repeated to people.
constexpr size_t kQuotedBodyMax = 200;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// HasToken looks for a word in the comma-separated lists of all headers of that name.
bool HasToken(const HttpHeaders& headers, std::string_view name, std::string_view token) {
  for (const HttpHeader& header : headers.all()) {
    if (!EqualsIgnoreCase(header.name, name)) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      if (EqualsIgnoreCase(Trim(rest.substr(0, comma)), token)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

HttpResponse Refusal(int status, std::string_view why) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::string(why) + "\n";
  return response;
}

bool IsKey(std::string_view text) {
  const auto key = crypto::DecodeBase64(text);
  return key.has_value() && key->size() == kKeySize;
}

}  // namespace

bool WebSocketOrigins::Allows(const HttpHeaders& headers) const {
  if (headers.Count("origin") == 0) return true;
  if (headers.Count("origin") > 1) return false;
  return std::ranges::any_of(allowed, [&](const std::string& origin) {
    return EqualsIgnoreCase(origin, headers.Get("origin"));
  });
}

bool IsWebSocketUpgrade(const HttpRequest& request) {
  return HasToken(request.headers, "upgrade", "websocket");
}

HttpResponse AnswerWebSocket(const HttpRequest& request, const WebSocketOrigins& origins) {
  if (request.method != "GET") return Refusal(405, "a WebSocket is opened by GET");
  const HttpHeaders& headers = request.headers;
  if (request.minor_version != 1 || !IsWebSocketUpgrade(request) ||
      !HasToken(headers, "connection", "upgrade")) {
    return Refusal(400,
                   "this is no request for a WebSocket: HTTP/1.1 with \"Connection: Upgrade\" and "
                   "\"Upgrade: websocket\" is needed");
  }
  if (headers.Count("sec-websocket-version") != 1 ||
      headers.Get("sec-websocket-version") != kVersion) {
    HttpResponse response = Refusal(426, "only version 13 of WebSocket is spoken here");
    response.headers.Add("Sec-WebSocket-Version", kVersion);
    return response;
  }
  const std::string_view key = headers.Get("sec-websocket-key");
  if (headers.Count("sec-websocket-key") != 1 || !IsKey(key)) {
    return Refusal(400, "Sec-WebSocket-Key must be there once, with 16 bytes in base64");
  }
  if (!request.body.empty()) return Refusal(400, "a request for a WebSocket has no body");
  if (!origins.Allows(headers)) {
    return Refusal(403, "this page may not open a WebSocket here: its origin is not allowed");
  }
  HttpResponse response;
  response.status = 101;
  response.headers.Add("Upgrade", "websocket");
  response.headers.Add("Sec-WebSocket-Accept", WebSocketAccept(key));
  return response;
}

std::string WebSocketAccept(std::string_view key) {
  return crypto::EncodeBase64(crypto::Sha1(AsBytes(std::string(key) + std::string(kAcceptSuffix))));
}

std::string NewWebSocketKey() {
  std::array<std::byte, kKeySize> key;
  crypto::FillRandom(key);
  return crypto::EncodeBase64(key);
}

HttpRequest WebSocketRequest(std::string_view host, std::string_view target, std::string_view key) {
  HttpRequest request;
  request.target = std::string(target);
  request.headers.Add("Host", host);
  request.headers.Add("Upgrade", "websocket");
  request.headers.Add("Sec-WebSocket-Version", kVersion);
  request.headers.Add("Sec-WebSocket-Key", key);
  return request;
}

std::string WebSocketRefusal(const HttpResponse& response, std::string_view key) {
  const HttpHeaders& headers = response.headers;
  if (response.status != 101) {
    std::string why = "the server answered " + std::to_string(response.status) + " " +
                      std::string(ReasonPhrase(response.status)) + " instead of a WebSocket";
    const std::string_view body = Trim(std::string_view(response.body).substr(0, kQuotedBodyMax));
    if (!body.empty()) why += ": " + std::string(body);
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return why;
  }
  if (!HasToken(headers, "upgrade", "websocket") || !HasToken(headers, "connection", "upgrade")) {
    return "the server switched to something that is not WebSocket";
  }
  if (headers.Count("sec-websocket-accept") != 1 ||
      headers.Get("sec-websocket-accept") != WebSocketAccept(key)) {
    return "the server's Sec-WebSocket-Accept does not belong to this request; something in "
           "between may have answered from memory";
  }
  if (headers.Count("sec-websocket-extensions") + headers.Count("sec-websocket-protocol") > 0) {
    return "the server chose an extension or a subprotocol that was not offered";
  }
  return "";
}

}  // namespace engine
