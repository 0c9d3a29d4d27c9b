#include "client/plugin/signed_calls.h"

#include <utility>

#include "absl/status/status.h"
#include "client/relay_error.h"
#include "client/say.h"
#include "engine/http/sigv4.h"

namespace client {
namespace {

constexpr int kOk = 200;
constexpr int kServerErrors = 500;
constexpr int kTooManyRequests = 429;

bool MayBeOverSoon(const ApiError& error) {
  return error.status >= kServerErrors || error.status == kTooManyRequests ||
         error.code == "ThrottlingException" || error.code == "TargetNotConnected";
}

}  // namespace

SignedCalls::SignedCalls(engine::LoopDriver& driver, const engine::TlsContext& context,
                         Service service, absl::StatusOr<Credentials> credentials, Clock clock)
    : service_(std::move(service)),
      credentials_(std::move(credentials)),
      clock_(std::move(clock)),
      calls_(driver, context, service_.url.server) {}

void SignedCalls::Cancel() { calls_.Cancel(call_); }

void SignedCalls::Call(std::string_view operation, std::string body, Answered done) {
  if (!credentials_.ok()) return done(credentials_.status());
  engine::HttpRequest request;
  request.method = "POST";
  request.target = service_.url.target;
  request.headers.Add("Host", service_.url.host);
  request.headers.Add("Content-Type", "application/x-amz-json-1.1");
  request.headers.Add("X-Amz-Target", service_.prefix + std::string(operation));
  request.body = std::move(body);
  engine::Sign(request,
               {.access_key_id = credentials_->access_key_id,
                .secret = credentials_->secret_access_key,
                .session_token = credentials_->session_token},
               service_.region, service_.name, clock_());
  call_ = calls_.Call(
      std::move(request),
      [this, done = std::move(done)](const engine::CallResult& result) { done(Read(result)); });
}

absl::StatusOr<std::string> SignedCalls::Read(const engine::CallResult& result) const {
  using Kind = engine::CallResult::Kind;
  // TLS that fails is no reason to give up: a relay that dies may do so in a handshake, and
  // whom the user trusts was found out by the first connection.
  if (result.kind != Kind::kResponse) return absl::UnavailableError(Printable(result.text));
  if (result.response.status == kOk) return result.response.body;
  const ApiError error = ParseApiError(result.response, clock_());
  const std::string text = Printable(error.code.empty() ? "HTTP " + std::to_string(error.status)
                                                        : error.code + ": " + error.message);
  return MayBeOverSoon(error) ? absl::UnavailableError(text) : absl::FailedPreconditionError(text);
}

}  // namespace client
