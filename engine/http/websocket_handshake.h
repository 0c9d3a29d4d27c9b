// The opening of a WebSocket (RFC 6455, section 4), both sides, as values.
//
// No extension is ever negotiated, permessage-deflate least of all: compressing secrets beside text
// that somebody else chooses gives the secrets away, and a bomb would have to be bounded. No
// subprotocol is chosen either.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/http/http_message.h"

namespace engine {

// WebSocketOrigins says whose pages may open a WebSocket here. Browsers send the page's origin, and
// nothing but this check keeps a foreign page from using the credentials of its visitor. A request
// without Origin comes from no browser and passes.
struct WebSocketOrigins {
  std::vector<std::string>
      allowed;  // "https://host" or "https://host:port", compared without case.

  bool Allows(const HttpHeaders& headers) const;
};

// IsWebSocketUpgrade is true when the request asks for WebSocket, whether or not it does so well.
bool IsWebSocketUpgrade(const HttpRequest& request);

// AnswerWebSocket returns the response: status 101 and the accept key, or a refusal (400, 403, 405,
// 426) whose body tells people why.
HttpResponse AnswerWebSocket(const HttpRequest& request, const WebSocketOrigins& origins);

// WebSocketAccept returns the Sec-WebSocket-Accept that proves that `key` was read.
std::string WebSocketAccept(std::string_view key);

// NewWebSocketKey returns a Sec-WebSocket-Key of 16 random bytes.
std::string NewWebSocketKey();

// WebSocketRequest returns the request that asks `host` (with its port where that is not the
// scheme's) for a WebSocket at `target`. The caller may add headers, such as a signature.
HttpRequest WebSocketRequest(std::string_view host, std::string_view target, std::string_view key);

// WebSocketRefusal returns an empty text when `response` opens the WebSocket that was asked for
// with `key`, or a sentence for people that says why it does not.
std::string WebSocketRefusal(const HttpResponse& response, std::string_view key);

}  // namespace engine
