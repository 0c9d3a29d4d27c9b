#include "relay/access/authenticate.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "engine/base/log.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"
#include "engine/http/amz_date.h"
#include "engine/http/sigv4.h"
#include "engine/http/sigv4_proof.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using engine::AsBytes;
using engine::SigV4Authorization;

ApiError Incomplete(std::string message) {
  return {"IncompleteSignatureException", std::move(message)};
}
ApiError Invalid(std::string message) { return {"InvalidSignatureException", std::move(message)}; }
ApiError Unrecognized() {
  return {"UnrecognizedClientException", "The security token included in the request is invalid."};
}
ApiError Mismatch() {
  return Invalid(
      "The request signature we calculated does not match the signature you provided. Check your "
      "AWS Secret Access Key and signing method. Consult the service documentation for details.");
}

// These change what a request means: who has a signed request must not be able to add or exchange
// one of them.
constexpr std::string_view kSignedIfPresent[] = {"content-type", "x-amz-date",
                                                 "x-amz-security-token", "x-amz-target"};
// Two of these would be read differently by two readers.
constexpr std::string_view kUnique[] = {"authorization", "content-type",         "host",
                                        "x-amz-date",    "x-amz-security-token", "x-amz-target"};

std::optional<ApiError> CheckHeaders(const engine::HttpRequest& request,
                                     const SigV4Authorization& authorization) {
  for (const std::string_view name : kUnique) {
    if (request.headers.Count(name) > 1) {
      return Incomplete("Header '" + std::string(name) + "' must not be repeated.");
    }
  }
  const auto is_signed = [&](std::string_view name) {
    return std::find(authorization.signed_headers.begin(), authorization.signed_headers.end(),
                     name) != authorization.signed_headers.end();
  };
  if (request.headers.Find("host") == nullptr || !is_signed("host")) {
    return Incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  if (request.headers.Find("x-amz-date") == nullptr) {
    return Incomplete(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  for (const std::string_view name : kSignedIfPresent) {
    if (request.headers.Find(name) != nullptr && !is_signed(name)) {
      return Incomplete("'" + std::string(name) +
                        "' must be a 'SignedHeader' in the AWS Authorization.");
    }
  }
  return std::nullopt;
}

std::optional<ApiError> CheckScope(const SigV4Authorization& authorization,
                                   std::string_view service, std::string_view amz_date) {
  if (authorization.terminator != engine::kSigV4Terminator) {
    return Invalid("Credential should be scoped with a valid terminator: 'aws4_request', not '" +
                   authorization.terminator + "'.");
  }
  if (authorization.scope.service != service) {
    return Invalid("Credential should be scoped to correct service: '" + std::string(service) +
                   "'.");
  }
  if (authorization.scope.date != amz_date.substr(0, 8)) {
    return Invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of " +
                   std::string("date from HTTP: '") + authorization.scope.date + "' != '" +
                   std::string(amz_date.substr(0, 8)) + "', from '" + std::string(amz_date) + "'.");
  }
  return std::nullopt;
}

std::optional<ApiError> CheckTime(std::string_view amz_date, int64_t signed_seconds,
                                  int64_t now_seconds) {
  const std::string now = engine::AmzDate(now_seconds);
  if (signed_seconds < now_seconds - kSignatureSkewMaxSeconds) {
    return Invalid("Signature expired: " + std::string(amz_date) + " is now earlier than " +
                   engine::AmzDate(now_seconds - kSignatureSkewMaxSeconds) + " (" + now +
                   " - 5 min.)");
  }
  if (signed_seconds > now_seconds + kSignatureSkewMaxSeconds) {
    return Invalid("Signature not yet current: " + std::string(amz_date) + " is still later than " +
                   engine::AmzDate(now_seconds + kSignatureSkewMaxSeconds) + " (" + now +
                   " + 5 min.)");
  }
  return std::nullopt;
}

}  // namespace

std::variant<Caller, ApiError> Authenticate(const engine::HttpRequest& request,
                                            std::string_view service, Store& store,
                                            int64_t now_unix_ms) {
  const std::string* header = request.headers.Find("authorization");
  if (header == nullptr) {
    return ApiError{"MissingAuthenticationTokenException",
                    "Request is missing Authentication Token"};
  }
  std::string problem;
  const std::optional<SigV4Authorization> authorization =
      engine::ParseAuthorization(*header, problem);
  if (!authorization.has_value()) return Incomplete(problem);
  if (std::optional<ApiError> error = CheckHeaders(request, *authorization)) return *error;

  const std::string_view amz_date = request.headers.Get("x-amz-date");
  const std::optional<int64_t> signed_seconds = engine::ParseAmzDate(amz_date);
  if (!signed_seconds.has_value()) {
    return Incomplete("Date must be in ISO-8601 'basic format'.");
  }
  if (std::optional<ApiError> error = CheckScope(*authorization, service, amz_date)) return *error;

  const absl::StatusOr<AccessKey> key = store.FindAccessKey(authorization->access_key_id);
  if (!key.ok() && !absl::IsNotFound(key.status())) {
    engine::log::Write(engine::log::Level::kError, "store_failed",
                       {{"why", key.status().ToString()}});
    return StoreFailure();
  }
  const bool has_token = request.headers.Find("x-amz-security-token") != nullptr;
  if (!key.ok() || !key->active || has_token) return Unrecognized();
  if (std::optional<ApiError> error = CheckTime(amz_date, *signed_seconds, now_unix_ms / 1000)) {
    return *error;
  }

  const std::string canonical =
      engine::CanonicalRequest(request, engine::SigV4Form::kHeader, authorization->signed_headers,
                               engine::crypto::HexSha256(AsBytes(request.body)));
  const std::string signature =
      engine::SigV4Signature(key->secret, authorization->scope,
                             engine::StringToSign(amz_date, authorization->scope, canonical));
  if (!engine::crypto::ConstantTimeEqual(AsBytes(signature), AsBytes(authorization->signature))) {
    return Mismatch();
  }
  return Caller{.access_key_id = key->id,
                .user_name = key->user_name,
                .principal = key->principal,
                .entity_id = key->user_id,
                .region = authorization->scope.region,
                .temporary = {}};
}

}  // namespace relay
