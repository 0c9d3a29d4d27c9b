// Who sends a request: AWS Signature Version 4 against the access keys of the store and the tokens
// of temporary credentials.
//
//   proof in the request --> headers, scope --> key or token --> time --> signature --> seen
//   before?

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "engine/http/http_message.h"
#include "engine/http/sigv4_chunks.h"
#include "engine/http/sigv4_proof.h"
#include "relay/access/api_error.h"
#include "relay/access/caller.h"
#include "relay/access/seen_signatures.h"
#include "relay/access/session_tokens.h"

namespace relay {

class Store;

// A signature counts for this long before and after the time it names.
inline constexpr int64_t kSignatureSkewMaxSeconds = 5 * 60;

// A presigned address counts for as long as it says, but not longer than AWS's STS takes one.
inline constexpr int64_t kPresignedMaxSeconds = 15 * 60;

// Refusal is why there is no caller, and what the audit should know beside it.
struct Refusal {
  ApiError error;
  std::string access_key_id;  // As claimed; empty: the request named none.
  std::string first_source;   // From where a signature came first that now comes from elsewhere.
};

class Authenticator {
 public:
  // Requires: the store outlives it.
  explicit Authenticator(Store& store) : store_(store), tokens_(store) {}

  // Authenticate returns the caller, or what is wrong with the proof, in codes of the JSON protocol
  // (query_response.h has those of the other one):
  //   MissingAuthenticationTokenException  there is none
  //   IncompleteSignatureException         it is malformed, or does not sign what it must
  //   UnrecognizedClientException          no such active access key, or not with this token
  //   ExpiredTokenException                the session of a temporary key is over
  //   InvalidSignatureException            another secret or message, another scope, skewed clocks,
  //                                        or a signature that came from another address before
  //   ThrottlingException                  more signatures than can be told apart later
  //   InternalServerError                  the store does not work
  // The hash of the body is always computed here, whatever the request says about it. Of one that
  // is signed in chunks, `chunked` is what was in it, and request.body is not looked at.
  std::variant<Caller, Refusal> Authenticate(const engine::HttpRequest& request,
                                             std::string_view service, std::string_view source_ip,
                                             int64_t now_unix_ms,
                                             const engine::SigV4ChunkedBody* chunked = nullptr);

  // AuthenticateNode is Authenticate for a request that an original agent signed with its node's
  // key, before it has other credentials. UnrecognizedClientException, too: no such node, or it has
  // none.
  std::variant<Caller, Refusal> AuthenticateNode(const engine::HttpRequest& request,
                                                 std::string_view service,
                                                 std::string_view source_ip, int64_t now_unix_ms);

  const SessionTokens& tokens() const { return tokens_; }

 private:
  // Claim is who a proof says to be, and the secret that would prove it.
  struct Claim {
    Caller caller;
    std::string secret;
  };
  std::variant<Claim, ApiError> FindPermanent(const std::string& access_key_id);
  std::variant<Claim, ApiError> FindNode(const std::string& access_key_id,
                                         const TemporaryPrincipal& principal);
  std::variant<Claim, ApiError> FindTemporary(const std::string& access_key_id,
                                              std::string_view token, int64_t now_unix_ms);
  // Sighted refuses a signature that came from elsewhere before.
  std::optional<Refusal> Sighted(const engine::crypto::Sha256Digest& signature,
                                 const Caller& caller, const engine::SigV4Proof& proof,
                                 std::string_view source_ip, int64_t now_unix_ms);
  std::variant<Caller, Refusal> ProveNode(const engine::HttpRequest& request,
                                          const engine::SigV4Proof& proof, std::string_view service,
                                          std::string_view source_ip, int64_t now_unix_ms);
  std::variant<Caller, Refusal> Prove(const engine::HttpRequest& request,
                                      const engine::SigV4Proof& proof, std::string_view service,
                                      std::string_view source_ip, int64_t now_unix_ms,
                                      const engine::SigV4ChunkedBody* chunked);

  Store& store_;
  SessionTokens tokens_;
  SeenSignatures seen_;
};

}  // namespace relay
