#include "relay/api/api.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "engine/base/log.h"
#include "engine/crypto/uuid.h"
#include "engine/http/sigv4_proof.h"
#include "relay/access/access_case_text.h"
#include "relay/access/authenticate.h"
#include "relay/api/api_input.h"
#include "relay/api/api_route.h"
#include "relay/api/query_body.h"
#include "relay/api/query_response.h"
#include "relay/broker/broker.h"
#include "relay/store/iam_store.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {

using Json = nlohmann::json;
using engine::HttpRequest;
using engine::HttpResponse;

namespace {

std::string AuditedParameters(const Json& input, std::span<const char* const> names) {
  Json parameters = Json::object();
  for (const char* name : names) {
    const auto member = input.find(name);
    if (member == input.end() || member->is_null()) continue;
    std::string key = name;
    key[0] = static_cast<char>(key[0] - 'A' + 'a');
    parameters[key] = *member;
  }
  return parameters.dump(-1, ' ', false, Json::error_handler_t::replace);
}

HttpResponse JsonResponse(int status, const Json& body, const std::string& request_id) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "application/x-amz-json-1.1");
  response.headers.Add("x-amzn-RequestId", request_id);
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

HttpResponse Success(const ApiService& service, const ApiCall& call) {
  if (service.protocol == ApiService::Protocol::kJson) {
    return JsonResponse(200, call.output, call.audit.request_id);
  }
  return QueryResponse(call.operation, service.xml_namespace, call.output, call.audit.request_id);
}

HttpResponse Failure(const ApiService& service, const ApiError& error,
                     const std::string& request_id) {
  if (service.protocol == ApiService::Protocol::kJson) {
    return JsonResponse(error.status, {{"__type", error.code}, {"message", error.message}},
                        request_id);
  }
  return QueryErrorResponse(error, service.xml_namespace, request_id);
}

HttpResponse TextResponse(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(text);
  return response;
}

// A larger body of an unsigned request is not looked into while FailureGate is shut: reading it
// costs time, and no honest one is as large.
constexpr size_t kUnsignedBodySizeMax = 64 * 1024;

constexpr std::string_view kDefaultJsonService = "ssm";
constexpr std::string_view kDefaultQueryService = "iam";

// EventName is the operation's name without the prefix of its service.
std::string_view EventName(std::string_view target) {
  const size_t dot = target.rfind('.');
  return dot == std::string_view::npos ? target : target.substr(dot + 1);
}

// TextMember returns a text of the input, or an empty one.
std::string TextMember(const Json& input, const char* name) {
  const auto member = input.find(name);
  return member != input.end() && member->is_string() ? member->get<std::string>() : std::string();
}

ApiError UnknownOperation(const ApiService& service, const Json& input) {
  if (service.protocol == ApiService::Protocol::kJson) return {"UnknownOperationException", ""};
  return {"InvalidAction", "Could not find operation " + TextMember(input, "Action") +
                               " for version " + TextMember(input, "Version")};
}

// A request of the query protocol has its parameters in its body, or, with GET, in its address.
bool IsQuery(const HttpRequest& request) {
  if (request.method == "GET") return true;
  return request.headers.Find("x-amz-target") == nullptr &&
         request.headers.Get("content-type").starts_with("application/x-www-form-urlencoded");
}

std::string_view QueryText(const HttpRequest& request) {
  return request.method == "GET" ? request.query() : std::string_view(request.body);
}

// MayCall is AWS's rule, whatever policies say: a user's temporary credentials are no way to more
// credentials, and without a code none to IAM.
bool MayCall(const Caller& caller, std::string_view action) {
  const bool is_own = caller.temporary.has_value() && caller.temporary->role_arn.empty();
  if (!is_own) return true;
  if (action.starts_with("iam:")) return caller.temporary->mfa_unix_ms.has_value();
  return !action.starts_with("sts:") || action == "sts:AssumeRole" ||
         action == "sts:GetCallerIdentity" || action == "sts:GetSessionToken";
}

// ServiceOf returns the service that a request is for. A query request's is that of its signature;
// what names none is answered as one of the usual service.
const ApiService& ServiceOf(const HttpRequest& request) {
  const ApiService* service = nullptr;
  if (IsQuery(request)) {
    const auto read = engine::ReadProof(request);
    if (const auto* proof = std::get_if<engine::SigV4Proof>(&read)) {
      service = FindService(proof->authorization.scope.service);
    }
    const bool speaks_it = service != nullptr && service->protocol == ApiService::Protocol::kQuery;
    return speaks_it ? *service : *FindService(kDefaultQueryService);
  }
  service = FindServiceOfTarget(request.headers.Get("x-amz-target"));
  return service != nullptr ? *service : *FindService(kDefaultJsonService);
}

// ReadAttempt reads "attempt=2; max=3" beside the id.
void ReadAttempt(const HttpRequest& request, ApiCall& call) {
  constexpr size_t kIdSizeMax = 64;
  constexpr std::string_view kAttempt = "attempt=";
  const std::string_view id = request.headers.Get("amz-sdk-invocation-id");
  std::string_view text = request.headers.Get("amz-sdk-request");
  if (id.empty() || id.size() > kIdSizeMax || !text.starts_with(kAttempt)) return;
  text.remove_prefix(kAttempt.size());
  std::from_chars(text.data(), text.data() + text.size(), call.attempt);
  call.invocation_id = id;
}

}  // namespace

struct Api::Pending {
  const ApiService& service;
  ApiCall call;
  Reply reply;
};

Api::Api(Store& store, Broker& broker, const NodeCertificates& certificates, std::string advertise)
    : authenticator_(store),
      authoriser_(store),
      watch_(store, authoriser_),
      context_{store,
               broker,
               certificates,
               authoriser_,
               watch_,
               mfa_,
               retries_,
               polls_,
               authenticator_.tokens(),
               std::move(advertise)} {}

void Api::Handle(const HttpRequest& request, std::string_view source_ip, int64_t now_unix_ms,
                 Reply reply, std::optional<uint32_t> joins_on) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path() == "/healthz" && reads) return reply(TextResponse(200, "ok\n"));
  if (IsForChannel(request)) return OpenChannel(request, source_ip, now_unix_ms, reply);
  if (request.path() != "/") return reply(TextResponse(404, "There is nothing here.\n"));
  const bool asks = request.method == "GET" && !request.query().empty();
  if (request.method != "POST" && !asks) {
    HttpResponse response = TextResponse(
        405, "This is the API of an adit-relay: POST, or GET with a presigned address.\n");
    response.headers.Add("Allow", "GET, POST");
    return reply(std::move(response));
  }
  if (engine::IsSignedInChunks(request)) {
    // One that is not what it says stays as it is, and is refused with its signature.
    if (auto chunked = engine::ReadChunkedBody(request.body); chunked.has_value()) {
      HttpRequest whole = request;
      whole.body = chunked->payload;
      return Call(whole, &*chunked, source_ip, now_unix_ms, std::move(reply), joins_on);
    }
  }
  Call(request, nullptr, source_ip, now_unix_ms, std::move(reply), joins_on);
}

std::optional<HttpResponse> Api::AnswerMeanwhile(const HttpRequest& request,
                                                 std::string_view source_ip, int64_t now_unix_ms) {
  if (!context_.store.is_down()) return std::nullopt;
  const bool is_small = request.body.size() <= kUnsignedBodySizeMax;
  if (request.method != "POST" || request.path() != "/" || IsQuery(request) || !is_small) {
    return std::nullopt;
  }
  const ApiService& service = ServiceOf(request);
  const std::string name(request.headers.Get("x-amz-target"));
  const ApiRoute* route = FindRoute(service, name);
  if (route == nullptr || route->meanwhile == nullptr) return std::nullopt;
  ApiCall call;
  Note(request, service, source_ip, now_unix_ms, call);
  const bool is_read = !ParseBody(request.body, call.input).has_value();
  if (!is_read || !route->proof(context_.store, call.input, now_unix_ms)) return std::nullopt;
  AuditRecord& audit = call.audit;
  audit.event_name = EventName(name);
  audit.event_source = "adit";
  audit.request_parameters = AuditedParameters(call.input, route->audited);
  const std::optional<ApiError> error = route->meanwhile(context_, call).error();
  if (error.has_value()) {
    audit.error_code = error->code;
    audit.error_message = error->message;
  }
  if (error.has_value()) {
    context_.broker.RecordRefusalLater(audit);
  } else {
    context_.broker.RecordLater(audit);
  }
  return error.has_value() ? Failure(service, *error, audit.request_id) : Success(service, call);
}

void Api::Note(const HttpRequest& request, const ApiService& service, std::string_view source_ip,
               int64_t now_unix_ms, ApiCall& call) {
  call.source_ip = source_ip;
  call.now_unix_ms = now_unix_ms;
  ReadAttempt(request, call);
  AuditRecord& audit = call.audit;
  audit.time_unix_ms = now_unix_ms;
  audit.source_ip = source_ip;
  audit.user_agent = request.headers.Get("user-agent");
  audit.host = request.headers.Get("host");
  audit.request_id = engine::crypto::NewUuid();
  audit.event_source = service.source;
}

void Api::Call(const HttpRequest& request, const engine::SigV4ChunkedBody* chunked,
               std::string_view source_ip, int64_t now_unix_ms, Reply reply,
               std::optional<uint32_t> joins_on) {
  const ApiService& service = ServiceOf(request);
  const bool is_query = service.protocol == ApiService::Protocol::kQuery;
  auto pending = std::make_shared<Pending>(Pending{service, {}, std::move(reply)});
  ApiCall& call = pending->call;
  call.joins_on = joins_on;
  Note(request, service, source_ip, now_unix_ms, call);
  AuditRecord& audit = call.audit;

  // A large body is read when it is known whose it is.
  const bool is_small = request.body.size() <= kUnsignedBodySizeMax;
  std::string name(request.headers.Get("x-amz-target"));
  std::optional<ApiError> body_error;
  if (is_query && is_small) {
    body_error = ParseQueryBody(QueryText(request), call.input);
    if (!body_error.has_value()) name = TextMember(call.input, "Action");
  }
  const ApiRoute* route = FindRoute(service, name);
  audit.event_name = name.empty() ? "Unknown" : EventName(name);
  audit.read_only = IsReadOnly(audit.event_name);
  if (name.starts_with("Adit.")) audit.event_source = "adit";

  // An unknown operation is told only to those who may call known ones.
  const bool is_signed = route == nullptr || route->proof == nullptr;
  bool is_proven = false;
  std::optional<ApiError> error;
  if (!is_signed) {
    is_proven = is_small && (is_query || !ParseBody(request.body, call.input).has_value()) &&
                route->proof(context_.store, call.input, now_unix_ms);
  } else {
    error = Prove(request, service, route, chunked, call);
    is_proven = !error.has_value();
  }
  if (!is_proven && !gate_.Open(now_unix_ms)) {
    return pending->reply(
        Failure(service, {"ThrottlingException", "Rate exceeded"}, audit.request_id));
  }
  if (is_query && !is_small && !error.has_value()) {
    body_error = ParseQueryBody(request.body, call.input);
    if (!body_error.has_value()) name = TextMember(call.input, "Action");
    route = FindRoute(service, name);
    if (route != nullptr && route->proof != nullptr) route = nullptr;
    if (!name.empty()) audit.event_name = EventName(name);
  }
  if (!error.has_value()) error = body_error;
  if (!error.has_value() && is_query && TextMember(call.input, "Version") != service.version) {
    route = nullptr;
  }
  if (!error.has_value() && route == nullptr) error = UnknownOperation(service, call.input);
  if (!error.has_value() && !is_query) error = ParseBody(request.body, call.input);
  if (error.has_value()) return Deny(*pending, *error);
  call.is_routine = route->is_routine;
  audit.request_parameters = AuditedParameters(call.input, route->audited);
  call.operation = EventName(route->name);
  call.access.caller = call.caller;
  call.access.source_ip = call.source_ip;
  call.access.user_agent = audit.user_agent;
  call.access.asked_unix_ms = now_unix_ms;
  call.access.question.action = std::string(service.name) + ":" + std::string(call.operation);
  Run(std::move(pending), [this, route](ApiContext& context, ApiCall& running) -> ApiOutcome {
    if (std::optional<ApiError> denied = Authorise(*route, running)) return *std::move(denied);
    return route->operation(context, running);
  });
}

std::optional<ApiError> Api::Prove(const HttpRequest& request, const ApiService& service,
                                   const ApiRoute* route, const engine::SigV4ChunkedBody* chunked,
                                   ApiCall& call) {
  AuditRecord& audit = call.audit;
  const bool is_by_key = route != nullptr && route->signer == ApiRoute::Signer::kNodeKey;
  std::variant<Caller, Refusal> proven =
      is_by_key
          ? authenticator_.AuthenticateNode(request, service.name, call.source_ip, call.now_unix_ms)
          : authenticator_.Authenticate(request, service.name, call.source_ip, call.now_unix_ms,
                                        chunked);
  if (auto* refused = std::get_if<Refusal>(&proven)) {
    audit.access_key_id = std::move(refused->access_key_id);
    if (!refused->first_source.empty()) {
      audit.additional.emplace_back("firstReceivedFrom", std::move(refused->first_source));
    }
    return std::move(refused->error);
  }
  call.caller = std::get<Caller>(std::move(proven));
  audit.principal = call.caller.principal;
  audit.user_name = call.caller.user_name;
  audit.principal_id = call.caller.UserId();
  if (const auto& session = call.caller.temporary; session.has_value()) {
    audit.issued_unix_ms = session->issued_unix_ms;
    audit.role_arn = session->role_arn;
    audit.has_mfa = session->mfa_unix_ms.has_value();
  }
  audit.access_key_id = call.caller.access_key_id;
  return std::nullopt;
}

// Authorise runs in the transaction of the operation, so that both see the same store.
std::optional<ApiError> Api::Authorise(const ApiRoute& route, ApiCall& call) {
  if (route.proof != nullptr) return std::nullopt;
  AccessQuestion& question = call.access.question;
  const bool is_node = !call.caller.node_id.empty();
  const bool is_for_nodes = route.signer == ApiRoute::Signer::kEither
                                ? is_node
                                : route.signer != ApiRoute::Signer::kPrincipal;
  if (is_for_nodes != is_node) {
    return ApiError{"AccessDeniedException",
                    "User: " + call.caller.principal +
                        " is not authorized to perform: " + question.action + " because " +
                        (is_for_nodes ? "only nodes do that" : "nodes do nothing of that")};
  }
  if (is_for_nodes) return std::nullopt;
  if (!MayCall(call.caller, question.action)) {
    return ApiError{"UnrecognizedClientException",
                    "The security token included in the request is invalid: credentials of "
                    "GetSessionToken call no operation of STS but AssumeRole and "
                    "GetCallerIdentity, and IAM only if they were asked for with an MFA code."};
  }
  if (route.ask != nullptr) route.ask(context_, call, question);
  call.audit.resources.clear();  // A step that waited asks once more.
  for (const AccessResource& resource : question.resources) {
    if (resource.arn.starts_with("arn:")) call.audit.resources.push_back(resource.arn);
  }
  if (absl::Status status = authoriser_.ReadTags(question); !status.ok()) {
    return LogStoreFailure(status);
  }
  if (std::optional<ApiError> denied = authoriser_.Check(call.access, call.now_unix_ms)) {
    return denied;
  }
  return NoteKeyUse(call);
}

// NoteKeyUse keeps when an access key was used for a service, once in kKeyUseMs: not every call
// shall write.
std::optional<ApiError> Api::NoteKeyUse(const ApiCall& call) {
  if (key_uses_.size() >= kKeyUsesMax) key_uses_.clear();
  const std::string& key_id = call.caller.access_key_id;
  const std::string& action = call.access.question.action;
  const std::string service = action.substr(0, action.find(':'));
  int64_t& noted_unix_ms = key_uses_[key_id + " " + service];
  if (noted_unix_ms != 0 && call.now_unix_ms - noted_unix_ms < kKeyUseMs) return std::nullopt;
  noted_unix_ms = call.now_unix_ms;
  const absl::Status status =
      context_.store.Iam().TouchAccessKey(key_id, service, call.now_unix_ms);
  // Temporary ones are not in that table.
  if (status.ok() || absl::IsNotFound(status)) return std::nullopt;
  return LogStoreFailure(status);
}

void Api::Run(std::shared_ptr<Pending> pending, const ApiStep& step) {
  Store& store = context_.store;
  AuditRecord& audit = pending->call.audit;
  if (absl::Status status = store.Begin(); !status.ok()) {
    return Deny(*pending, LogStoreFailure(status));
  }
  const uint64_t revision = store.Iam().revision();
  const ApiOutcome outcome = step(context_, pending->call);
  // What was compiled while changes were made that are taken back is not looked at again.
  const auto forget = [this] { context_.store.Iam().Changed(); };
  if (store.Iam().revision() != revision) store.AfterCommit([] {}, forget);
  if (outcome.waits()) {
    store.Rollback();
    return outcome.Ask(pending->call.now_unix_ms,
                       [this, pending](int64_t now_unix_ms, const ApiStep& next) {
                         pending->call.now_unix_ms = now_unix_ms;
                         Run(pending, next);
                       });
  }
  std::optional<ApiError> error = outcome.error();
  if (!error.has_value() && !pending->call.is_routine) {
    if (absl::Status status = AppendAudit(store, audit); !status.ok()) {
      error = LogStoreFailure(status);
    }
  }
  if (error.has_value()) {
    store.Rollback();
    if (store.Iam().revision() != revision) forget();
  } else if (absl::Status status = store.Commit(); !status.ok()) {
    error = LogStoreFailure(status);
  }
  if (error.has_value()) {
    audit.response_elements.clear();
    return Deny(*pending, *error);
  }
  pending->reply(Success(pending->service, pending->call));
}

void Api::Deny(Pending& pending, const ApiError& error) {
  AuditRecord& audit = pending.call.audit;
  if (audit.principal.empty()) {
    gate_.Failed(pending.call.now_unix_ms);
    if (const uint64_t count = gate_.TakeRefused(); count > 0) {
      audit.additional.emplace_back("refusedWithoutRecord", std::to_string(count));
    }
  }
  const bool is_query = pending.service.protocol == ApiService::Protocol::kQuery;
  audit.error_code = is_query ? QueryErrorCode(error.code) : std::string_view(error.code);
  audit.error_message = error.message;
  if (absl::Status status = AppendAudit(context_.store, audit); !status.ok()) {
    return pending.reply(Failure(pending.service, LogStoreFailure(status), audit.request_id));
  }
  pending.reply(Failure(pending.service, error, audit.request_id));
}

bool Api::GoOn(const std::string& session_id, const std::string& access) {
  std::optional<AccessCase> asked = ReadAccessCase(access);
  if (!asked.has_value()) return false;
  watch_.Watch(session_id, *std::move(asked));
  return true;
}

void Api::Tick(int64_t now_unix_ms) {
  Broker& broker = context_.broker;
  polls_.Tick(now_unix_ms);
  watch_.Tick(
      now_unix_ms, [&broker](std::string_view id) { return broker.IsLive(id); },
      [&broker, now_unix_ms](std::string_view id, std::string_view reason) {
        broker.Revoke(id, reason, now_unix_ms);
      });
}

absl::StatusOr<std::string> Api::RenewCertificate(std::string_view node_id,
                                                  const engine::crypto::Sha256Digest& key_sha256,
                                                  std::string_view request_pem,
                                                  int64_t now_unix_ms) {
  const absl::StatusOr<Node> node = context_.store.FindNode(node_id);
  if (!node.ok()) return node.status();
  absl::StatusOr<std::string> certificate =
      context_.certificates.Renew(node_id, key_sha256, request_pem, now_unix_ms);
  AuditRecord audit = NewServiceEvent("RenewCertificate", now_unix_ms);
  audit.event_source = "adit";
  audit.principal = node_id;
  audit.source_ip = node->source_ip;
  if (!certificate.ok()) {
    audit.error_code = "ValidationException";
    audit.error_message = std::string(certificate.status().message());
  }
  if (absl::Status status = AppendAudit(context_.store, audit); !status.ok()) return status;
  return certificate;
}

}  // namespace relay
