#include "relay/access/authenticate.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/crypto/base64.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"
#include "engine/crypto/rsa_public_key.h"
#include "engine/http/amz_date.h"
#include "engine/http/sigv4.h"
#include "engine/http/sigv4_chunks.h"
#include "relay/access/resource_arn.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {
namespace {

using engine::AsBytes;
using engine::SigV4Form;
using engine::SigV4Problem;
using engine::SigV4Proof;

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
ApiError Failed(const absl::Status& status) {
  engine::log::Write(engine::log::Level::kError, "store_failed",
                     {{"at", "authenticate"}, {"why", status.ToString()}});
  return StoreFailure();
}

// These change what a request means: who has a signed request must not be able to add or exchange
// one of them.
constexpr std::string_view kSignedIfPresent[] = {"content-type", "x-amz-date",
                                                 "x-amz-security-token", "x-amz-target"};
// Two of these would be read differently by two readers.
constexpr std::string_view kUnique[] = {"authorization", "content-type",         "host",
                                        "x-amz-date",    "x-amz-security-token", "x-amz-target",
                                        "date"};

// CheckChunked looks at what a request says of a body that is signed in chunks.
std::optional<ApiError> CheckChunked(const engine::HttpRequest& request, const SigV4Proof& proof) {
  constexpr std::string_view kLength = "x-amz-decoded-content-length";
  if (request.headers.Count(kLength) != 1 || !proof.IsSigned(kLength)) {
    return Incomplete("'" + std::string(kLength) +
                      "' must be there once, and be a 'SignedHeader' in the AWS Authorization.");
  }
  if (proof.form != SigV4Form::kHeader || !proof.IsSigned("x-amz-content-sha256")) {
    return Incomplete("'x-amz-content-sha256' must be a 'SignedHeader' in the AWS Authorization.");
  }
  return std::nullopt;
}

std::optional<ApiError> CheckHeaders(const engine::HttpRequest& request, const SigV4Proof& proof) {
  for (const std::string_view name : kUnique) {
    if (request.headers.Count(name) > 1) {
      return Incomplete("Header '" + std::string(name) + "' must not be repeated.");
    }
  }
  if (request.headers.Find("host") == nullptr || !proof.IsSigned("host")) {
    return Incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const std::string_view name : kSignedIfPresent) {
    if (request.headers.Find(name) != nullptr && !proof.IsSigned(name)) {
      return Incomplete("'" + std::string(name) +
                        "' must be a 'SignedHeader' in the AWS Authorization.");
    }
  }
  const bool is_dated_by_header =
      proof.form == SigV4Form::kHeader && request.headers.Find("x-amz-date") == nullptr;
  if (is_dated_by_header && !proof.IsSigned("date")) {
    return Incomplete("'date' must be a 'SignedHeader' in the AWS Authorization.");
  }
  const std::string_view hash = request.headers.Get("x-amz-content-sha256");
  if (engine::IsSignedInChunks(request)) return CheckChunked(request, proof);
  if (hash == "UNSIGNED-PAYLOAD" || hash.starts_with("STREAMING-")) {
    return Invalid("X-Amz-Content-Sha256 is '" + std::string(hash) +
                   "', which only S3 takes. Sign the SHA-256 of the whole body, or leave the "
                   "header out.");
  }
  return std::nullopt;
}

std::optional<ApiError> CheckScope(const SigV4Proof& proof, std::string_view service) {
  const engine::SigV4Authorization& authorization = proof.authorization;
  if (authorization.terminator != engine::kSigV4Terminator) {
    return Invalid("Credential should be scoped with a valid terminator: 'aws4_request', not '" +
                   authorization.terminator + "'.");
  }
  if (authorization.scope.service != service) {
    return Invalid("Credential should be scoped to correct service: '" + std::string(service) +
                   "'.");
  }
  const std::string date = proof.amz_date.substr(0, 8);
  if (authorization.scope.date != date) {
    return Invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of " +
                   std::string("date from HTTP: '") + authorization.scope.date + "' != '" + date +
                   "', from '" + proof.amz_date + "'.");
  }
  return std::nullopt;
}

// Lifetime is for how many seconds after its date a signature counts.
int64_t Lifetime(const SigV4Proof& proof) {
  if (proof.form == SigV4Form::kHeader) return kSignatureSkewMaxSeconds;
  return std::min(proof.expires_seconds, kPresignedMaxSeconds);
}

std::optional<ApiError> CheckTime(const SigV4Proof& proof, int64_t now_seconds) {
  const std::string now = engine::AmzDate(now_seconds);
  const int64_t lifetime = Lifetime(proof);
  if (proof.signed_unix_seconds < now_seconds - lifetime) {
    const std::string span = lifetime % 60 == 0 ? std::to_string(lifetime / 60) + " min."
                                                : std::to_string(lifetime) + " s";
    return Invalid("Signature expired: " + proof.amz_date + " is now earlier than " +
                   engine::AmzDate(now_seconds - lifetime) + " (" + now + " - " + span + ")");
  }
  if (proof.signed_unix_seconds > now_seconds + kSignatureSkewMaxSeconds) {
    return Invalid("Signature not yet current: " + proof.amz_date + " is still later than " +
                   engine::AmzDate(now_seconds + kSignatureSkewMaxSeconds) + " (" + now +
                   " + 5 min.)");
  }
  return std::nullopt;
}

Caller CallerOf(const Node& node) {
  Caller caller;
  caller.user_name = node.id;
  caller.principal = node.id;
  caller.entity_id = node.id;
  caller.node_id = node.id;
  return caller;
}

engine::crypto::Sha256Digest SignatureBytes(std::string_view hex) {
  engine::crypto::Sha256Digest digest;
  CHECK(engine::FromHex(hex, digest));
  return digest;
}

}  // namespace

std::variant<Authenticator::Claim, ApiError> Authenticator::FindPermanent(
    const std::string& access_key_id) {
  absl::StatusOr<AccessKey> key = store_.FindAccessKey(access_key_id);
  if (absl::IsNotFound(key.status())) return Unrecognized();
  if (!key.ok()) return Failed(key.status());
  if (!key->active) return Unrecognized();
  return Claim{{.access_key_id = key->id,
                .user_name = key->user_name,
                .principal = key->principal,
                .entity_id = key->user_id,
                .region = {},
                .temporary = {}},
               std::move(key->secret)};
}

// A node's credentials end with its registration.
std::variant<Authenticator::Claim, ApiError> Authenticator::FindNode(
    const std::string& access_key_id, const TemporaryPrincipal& principal) {
  const absl::StatusOr<Node> node = store_.FindNode(principal.entity_id);
  if (absl::IsNotFound(node.status())) return Unrecognized();
  if (!node.ok()) return Failed(node.status());
  Caller caller = CallerOf(*node);
  caller.access_key_id = access_key_id;
  caller.temporary = principal.session;
  return Claim{std::move(caller), tokens_.Secret(access_key_id)};
}

std::variant<Authenticator::Claim, ApiError> Authenticator::FindTemporary(
    const std::string& access_key_id, std::string_view token, int64_t now_unix_ms) {
  absl::StatusOr<TemporaryPrincipal> opened = tokens_.Open(access_key_id, token);
  if (!opened.ok()) return Unrecognized();
  if (opened->expires_unix_ms <= now_unix_ms) {
    return ApiError{"ExpiredTokenException",
                    "The security token included in the request is expired"};
  }
  if (IsNodeId(opened->entity_id)) return FindNode(access_key_id, *opened);
  const absl::StatusOr<IamEntity> entity = store_.Iam().FindEntityById(opened->entity_id);
  if (absl::IsNotFound(entity.status())) return Unrecognized();
  if (!entity.ok()) return Failed(entity.status());
  if (!opened->issuer_key_id.empty()) {
    const absl::StatusOr<AccessKeyFacts> issuer =
        store_.Iam().FindAccessKeyFacts(opened->issuer_key_id);
    if (absl::IsNotFound(issuer.status())) return Unrecognized();
    if (!issuer.ok()) return Failed(issuer.status());
    if (!issuer->is_active) return Unrecognized();
  }
  TemporarySession& session = opened->session;
  session.issuer_key_id = opened->issuer_key_id;
  Caller caller{.access_key_id = access_key_id,
                .user_name = entity->name,
                .principal = entity->Arn(),
                .entity_id = entity->id,
                .region = {},
                .temporary = {}};
  if (entity->kind == IamKind::kRole) {
    session.role_arn = entity->Arn();  // Of today: a role keeps its id when its path changes.
    caller.user_name = session.name;
    caller.principal = AssumedRoleArn(entity->name, session.name);
  }
  caller.temporary = std::move(session);
  return Claim{std::move(caller), tokens_.Secret(access_key_id)};
}

std::variant<Caller, Refusal> Authenticator::Prove(const engine::HttpRequest& request,
                                                   const SigV4Proof& proof,
                                                   std::string_view service,
                                                   std::string_view source_ip, int64_t now_unix_ms,
                                                   const engine::SigV4ChunkedBody* chunked) {
  const engine::SigV4Authorization& authorization = proof.authorization;
  if (std::optional<ApiError> error = CheckHeaders(request, proof)) return Refusal{*error, {}, {}};
  if (std::optional<ApiError> error = CheckScope(proof, service)) return Refusal{*error, {}, {}};
  std::variant<Claim, ApiError> found =
      proof.session_token.has_value()
          ? FindTemporary(authorization.access_key_id, *proof.session_token, now_unix_ms)
          : FindPermanent(authorization.access_key_id);
  if (auto* error = std::get_if<ApiError>(&found)) return Refusal{*std::move(error), {}, {}};
  Claim& claim = std::get<Claim>(found);
  if (std::optional<ApiError> error = CheckTime(proof, now_unix_ms / 1000)) {
    return Refusal{*error, {}, {}};
  }
  const bool is_chunked = engine::IsSignedInChunks(request);
  const std::string canonical =
      engine::CanonicalRequest(request, proof.form, authorization.signed_headers,
                               is_chunked ? std::string(engine::kSigV4ChunkedPayload)
                                          : engine::crypto::HexSha256(AsBytes(request.body)));
  const std::string signature =
      engine::SigV4Signature(claim.secret, authorization.scope,
                             engine::StringToSign(proof.amz_date, authorization.scope, canonical));
  if (!engine::crypto::ConstantTimeEqual(AsBytes(signature), AsBytes(authorization.signature))) {
    return Refusal{Mismatch(), {}, {}};
  }
  if (is_chunked) {
    const engine::SigV4ChunkSeed seed{claim.secret, authorization.scope, proof.amz_date, signature};
    const bool is_whole =
        chunked != nullptr && request.headers.Get("x-amz-decoded-content-length") ==
                                  std::to_string(chunked->payload.size());
    if (!is_whole || !engine::AreGenuine(*chunked, seed)) return Refusal{Mismatch(), {}, {}};
  }
  if (std::optional<Refusal> refusal =
          Sighted(SignatureBytes(signature), claim.caller, proof, source_ip, now_unix_ms)) {
    return *std::move(refusal);
  }
  claim.caller.region = authorization.scope.region;
  return std::move(claim.caller);
}

std::optional<Refusal> Authenticator::Sighted(const engine::crypto::Sha256Digest& signature,
                                              const Caller& caller, const SigV4Proof& proof,
                                              std::string_view source_ip, int64_t now_unix_ms) {
  const int64_t until_unix_ms = (proof.signed_unix_seconds + Lifetime(proof)) * 1000;
  SeenSignatures::Outcome seen =
      seen_.See(signature, caller.entity_id, source_ip, until_unix_ms, now_unix_ms);
  switch (seen.sighting) {
    case SeenSignatures::Sighting::kFirst:
    case SeenSignatures::Sighting::kRepeat:
      break;
    case SeenSignatures::Sighting::kElsewhere:
      return Refusal{
          Invalid("This signed request was already received from another address. If you "
                  "did not send it there, somebody has copied it; sign a new one."),
          {},
          std::move(seen.first_source)};
    case SeenSignatures::Sighting::kFull:
      return Refusal{{"ThrottlingException", "Rate exceeded"}, {}, {}};
  }
  return std::nullopt;
}

// The hash of the body is computed here as well: what the agent says of it is not signed.
std::variant<Caller, Refusal> Authenticator::ProveNode(const engine::HttpRequest& request,
                                                       const SigV4Proof& proof,
                                                       std::string_view service,
                                                       std::string_view source_ip,
                                                       int64_t now_unix_ms) {
  const engine::SigV4Authorization& authorization = proof.authorization;
  if (std::optional<ApiError> error = CheckHeaders(request, proof)) return Refusal{*error, {}, {}};
  if (std::optional<ApiError> error = CheckScope(proof, service)) return Refusal{*error, {}, {}};
  const absl::StatusOr<Node> node = store_.FindNode(authorization.access_key_id);
  if (!node.ok() && !absl::IsNotFound(node.status())) {
    return Refusal{Failed(node.status()), {}, {}};
  }
  const std::optional<std::string> der =
      node.ok() ? engine::crypto::DecodeBase64(node->public_key) : std::nullopt;
  if (!der.has_value()) return Refusal{Unrecognized(), {}, {}};
  const auto key = engine::crypto::RsaPublicKey::FromDer(AsBytes(*der));
  if (!key.ok()) return Refusal{Unrecognized(), {}, {}};
  if (std::optional<ApiError> error = CheckTime(proof, now_unix_ms / 1000)) {
    return Refusal{*error, {}, {}};
  }
  const std::string canonical =
      engine::CanonicalRequest(request, proof.form, authorization.signed_headers,
                               engine::crypto::HexSha256(AsBytes(request.body)));
  const std::string signed_text =
      engine::StringToSign(proof.amz_date, authorization.scope, canonical);
  const std::string signature = *engine::crypto::DecodeBase64(authorization.signature);
  if (!key->VerifiesPss(engine::crypto::Sha256(AsBytes(signed_text)), AsBytes(signature))) {
    return Refusal{Mismatch(), {}, {}};
  }
  Caller caller = CallerOf(*node);
  caller.access_key_id = authorization.access_key_id;
  caller.region = authorization.scope.region;
  if (std::optional<Refusal> refusal = Sighted(engine::crypto::Sha256(AsBytes(signature)), caller,
                                               proof, source_ip, now_unix_ms)) {
    return *std::move(refusal);
  }
  return caller;
}

std::variant<Caller, Refusal> Authenticator::AuthenticateNode(const engine::HttpRequest& request,
                                                              std::string_view service,
                                                              std::string_view source_ip,
                                                              int64_t now_unix_ms) {
  const auto read = engine::ReadProof(request, engine::SigV4Key::kRsa);
  const auto* proof = std::get_if<SigV4Proof>(&read);
  if (proof == nullptr || proof->form != SigV4Form::kHeader) {
    return Refusal{Incomplete("The request is not signed with a node's key."), {}, {}};
  }
  std::variant<Caller, Refusal> result =
      ProveNode(request, *proof, service, source_ip, now_unix_ms);
  if (auto* refusal = std::get_if<Refusal>(&result)) {
    refusal->access_key_id = proof->authorization.access_key_id;
  }
  return result;
}

std::variant<Caller, Refusal> Authenticator::Authenticate(const engine::HttpRequest& request,
                                                          std::string_view service,
                                                          std::string_view source_ip,
                                                          int64_t now_unix_ms,
                                                          const engine::SigV4ChunkedBody* chunked) {
  const auto read = engine::ReadProof(request);
  if (const auto* problem = std::get_if<SigV4Problem>(&read)) {
    if (problem->kind == SigV4Problem::Kind::kIncomplete) {
      return Refusal{Incomplete(problem->text), {}, {}};
    }
    return Refusal{{"MissingAuthenticationTokenException", problem->text}, {}, {}};
  }
  const SigV4Proof& proof = std::get<SigV4Proof>(read);
  std::variant<Caller, Refusal> result =
      Prove(request, proof, service, source_ip, now_unix_ms, chunked);
  if (auto* refusal = std::get_if<Refusal>(&result)) {
    refusal->access_key_id = proof.authorization.access_key_id;
  }
  return result;
}

}  // namespace relay
