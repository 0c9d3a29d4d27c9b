#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/http/http_client.h"
#include "engine/http/http_message.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/wire/host_port.h"

namespace engine {

class TlsContext;

// CallResult is a response, whatever its status, or why there is none.
struct CallResult {
  enum class Kind : uint8_t { kResponse, kUnreachable, kTls, kBadAnswer };
  Kind kind = Kind::kUnreachable;
  HttpResponse response;   // kResponse.
  std::string text;        // Otherwise: what happened and why, for people.
  std::string anchor_pem;  // kResponse, first contact: the certificate to keep (TlsTrust).
};

// HttpsCall is one request over a connection of its own. Cold: it may allocate.
class HttpsCall final : private SecureConnection::Events, private HttpClientSession::Handler {
 public:
  // Starts at once. `done` is called once, from the loop, when the connection is closed; the call
  // may be destroyed in it, and at no time before. Requires: `context` offers ALPN "http/1.1".
  HttpsCall(LoopDriver& driver, const TlsContext& context, const HostPort& server,
            HttpRequest request, std::function<void(CallResult)> done);
  ~HttpsCall() override;

  // Cancel ends it early; `done` is still called.
  void Cancel() { connection_.Close(); }

 private:
  void OnSecured(SecureConnection& connection) override;
  void OnClosed(SecureConnection& connection, const ConnectionEnd& end) override;
  void OnResponse(HttpResponse response) override;
  void OnFailure(HttpFailure failure, HttpError error) override;

  HttpRequest request_;
  std::function<void(CallResult)> done_;
  CallResult result_;
  bool answered_ = false;
  SecureConnection connection_;
  std::unique_ptr<HttpClientSession> session_;
};

// CallAndWait runs the driver until one call is done: for programs that have nothing else to do.
CallResult CallAndWait(LoopDriver& driver, const TlsContext& context, const HostPort& server,
                       HttpRequest request);

}  // namespace engine
