#include "engine/net/https_call.h"

#include <utility>

#include "engine/tls/tls_channel.h"

namespace engine {

HttpsCall::HttpsCall(LoopDriver& driver, const TlsContext& context, const HostPort& server,
                     HttpRequest request, std::function<void(CallResult)> done)
    : request_(std::move(request)), done_(std::move(done)), connection_(driver.loop(), *this) {
  connection_.Dial(driver.resolver(), server.host, server.port,
                   std::make_unique<TlsChannel>(context, driver.loop().buffers(), server.host));
}

HttpsCall::~HttpsCall() = default;

void HttpsCall::OnSecured(SecureConnection& connection) {
  result_.anchor_pem = connection.channel().anchor_pem();
  session_ = std::make_unique<HttpClientSession>(connection,
                                                 static_cast<HttpClientSession::Handler&>(*this),
                                                 std::move(request_), connection.loop().Now());
  connection.SetProtocol(*session_);
}

void HttpsCall::OnResponse(HttpResponse response) {
  answered_ = true;
  result_.kind = CallResult::Kind::kResponse;
  result_.response = std::move(response);
  connection_.CloseAfterOutput();
}

void HttpsCall::OnFailure(HttpFailure failure, HttpError) {
  answered_ = true;
  result_.kind = CallResult::Kind::kBadAnswer;
  result_.text = Describe(failure);
  connection_.CloseAfterOutput();
}

void HttpsCall::OnClosed(SecureConnection&, const ConnectionEnd& end) {
  if (session_ != nullptr && !answered_) {
    session_->HandleEnd(end.kind == ConnectionEnd::Kind::kClosedByPeer
                            ? HttpClientSession::End::kOrderly
                            : HttpClientSession::End::kCut);
  }
  if (!answered_) {
    result_.kind = end.kind == ConnectionEnd::Kind::kHandshakeFailed
                       ? CallResult::Kind::kTls
                       : CallResult::Kind::kUnreachable;
    result_.text = end.text;
  }
  const auto done = std::move(done_);
  done(std::move(result_));  // Last: it may destroy this.
}

CallResult CallAndWait(LoopDriver& driver, const TlsContext& context, const HostPort& server,
                       HttpRequest request) {
  // Every wait of a connection has a deadline of its own, so this ends.
  constexpr Duration kWaitMax = std::chrono::seconds(1);
  CallResult result;
  bool done = false;
  HttpsCall call(driver, context, server, std::move(request), [&](CallResult outcome) {
    result = std::move(outcome);
    done = true;
  });
  while (!done) driver.RunOnce(kWaitMax);
  return result;
}

}  // namespace engine
