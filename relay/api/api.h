// The control plane: one HTTP request in, one response out.
//
//   authenticate --> read the body --> authorise --> operation --> audit record --> commit -->
//   answer
//
// Every call of the API leaves one audit record, allowed or denied, and is answered only when that
// is on the disk; what original agents ask every few seconds leaves one when it is refused. The one
// exception is FailureGate's: past it, calls that nobody in particular makes are refused with
// ThrottlingException and counted in the next record.
//
// An operation that has to ask somebody else first, as a sealed session's node, waits between two
// steps; meanwhile nothing is blocked and no transaction is open.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "engine/http/http_message.h"
#include "engine/wire/control.h"
#include "relay/access/authenticate.h"
#include "relay/access/authorise.h"
#include "relay/access/mfa_check.h"
#include "relay/access/session_watch.h"
#include "relay/api/agent_polls.h"
#include "relay/api/api_call.h"
#include "relay/api/failure_gate.h"
#include "relay/api/node_certificates.h"
#include "relay/api/start_retries.h"

namespace relay {

struct ApiRoute;
struct ApiService;
struct AuditRecord;

class Api {
 public:
  // Requires: store and broker outlive the API. `advertise` is HOST:PORT.
  Api(Store& store, Broker& broker, const NodeCertificates& certificates, std::string advertise);

  // Reply takes the answer to a request.
  using Reply = std::function<void(engine::HttpResponse)>;

  // Handle answers one request, by one call of `reply`: before it returns, after waiting for the
  // disk, or later, when the operation has to wait for somebody else. It never fails: errors are
  // answers. `joins_on` is the loop on which the connection that asks may become a lane.
  void Handle(const engine::HttpRequest& request, std::string_view source_ip, int64_t now_unix_ms,
              Reply reply, std::optional<uint32_t> joins_on = std::nullopt);

  // AnswerMeanwhile answers what can be answered while the store is down without waiting for it.
  // Nothing: Handle does.
  std::optional<engine::HttpResponse> AnswerMeanwhile(const engine::HttpRequest& request,
                                                      std::string_view source_ip,
                                                      int64_t now_unix_ms);

  // GoOn watches a session of the process before this one, by what it was allowed by. False: it
  // cannot be read.
  bool GoOn(const std::string& session_id, const std::string& access);

  // Tick ends sessions whose permission has ended, and polls that waited long enough. Call it a few
  // times a second.
  void Tick(int64_t now_unix_ms);

  // RenewCertificate is for a node's link, which its present certificate has proven, with the key
  // of this SHA-256. NotFound: the node is not registered any more. InvalidArgument: the request is
  // no good, or for another key. Other errors: the store does not work.
  absl::StatusOr<std::string> RenewCertificate(std::string_view node_id,
                                               const engine::crypto::Sha256Digest& key_sha256,
                                               std::string_view request_pem, int64_t now_unix_ms);

  // RecordRefusedJoin writes down that somebody came for a session without a token that opens it:
  // as many as FailureGate lets through. In channel_api.cc.
  void RecordRefusedJoin(std::string_view event, std::string_view session_id,
                         std::string_view source_ip, std::string_view text, int64_t now_unix_ms);
  // OpenDataKey is for a node's link: it opens the data key of an encrypted session on that node.
  engine::DataKeyAnswer OpenDataKey(std::string_view node_id, const engine::DataKeyRequest& request,
                                    int64_t now_unix_ms);

 private:
  struct Pending;  // A call that is not answered yet.

  // Note begins a call, and its record, with what is known of any request.
  static void Note(const engine::HttpRequest& request, const ApiService& service,
                   std::string_view source_ip, int64_t now_unix_ms, ApiCall& call);
  // `chunked` is where the body comes from if it was signed in chunks.
  void Call(const engine::HttpRequest& request, const engine::SigV4ChunkedBody* chunked,
            std::string_view source_ip, int64_t now_unix_ms, Reply reply,
            std::optional<uint32_t> joins_on);
  // A request about a channel that carries a signature, in channel_api.cc. To open a data channel,
  // or a node's control channel: the answer's status is 200 when it is proven and the session is
  // its sender's, or its node is the sender, whose id is in the header kNodeHeader then. (One
  // without a signature is not asked about; a client's token is the proof.) To create one, which
  // only original agents do: 201 and a token.
  static bool IsForChannel(const engine::HttpRequest& request);
  void OpenChannel(const engine::HttpRequest& request, std::string_view source_ip,
                   int64_t now_unix_ms, const Reply& reply);
  std::optional<ApiError> ProveChannel(const engine::HttpRequest& request,
                                       std::string_view source_ip, int64_t now_unix_ms,
                                       AuditRecord& audit, std::string& node_id);
  std::optional<ApiError> CheckNodesChannel(const engine::HttpRequest& request,
                                            const std::string& node_id);
  // Prove finds out who sends a signed request, and keeps it in the call and its record.
  std::optional<ApiError> Prove(const engine::HttpRequest& request, const ApiService& service,
                                const ApiRoute* route, const engine::SigV4ChunkedBody* chunked,
                                ApiCall& call);
  std::optional<ApiError> Authorise(const ApiRoute& route, ApiCall& call);
  std::optional<ApiError> NoteKeyUse(const ApiCall& call);
  void Run(std::shared_ptr<Pending> pending, const ApiStep& step);
  void Deny(Pending& pending, const ApiError& error);

  Authenticator authenticator_;
  static constexpr int64_t kKeyUseMs = 60'000;
  static constexpr size_t kKeyUsesMax = 10'000;

  std::unordered_map<std::string, int64_t> key_uses_;  // Key and service: when it was noted.
  Authoriser authoriser_;
  SessionWatch watch_;
  MfaCheck mfa_;
  StartRetries retries_;
  AgentPolls polls_;
  ApiContext context_;
  FailureGate gate_;
};

}  // namespace relay
