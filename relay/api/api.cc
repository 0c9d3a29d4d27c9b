#include "relay/api/api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "engine/base/log.h"
#include "relay/api/activations_api.h"
#include "relay/api/api_input.h"
#include "relay/api/nodes_api.h"
#include "relay/api/sealed_api.h"
#include "relay/api/sessions_api.h"
#include "relay/broker/broker.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay {

using Json = nlohmann::json;
using engine::HttpRequest;
using engine::HttpResponse;

namespace {

// The members of a request that go into its audit record. What is not named here is not recorded:
// a code or a key can never slip in.
constexpr const char* kStartSessionAudited[] = {"Target", "DocumentName", "Reason", "Parameters"};
constexpr const char* kSessionAudited[] = {"SessionId"};
constexpr const char* kDescribeAudited[] = {"State", "Filters", "InstanceInformationFilterList",
                                            "MaxResults"};
constexpr const char* kTargetAudited[] = {"Target"};
constexpr const char* kCreateActivationAudited[] = {"IamRole", "Description", "DefaultInstanceName",
                                                    "RegistrationLimit", "ExpirationDate"};
constexpr const char* kEnrollNodeAudited[] = {"ActivationId", "Name", "Platform", "AgentVersion"};

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

HttpResponse ErrorResponse(const ApiError& error, const std::string& request_id) {
  return JsonResponse(error.status, {{"__type", error.code}, {"message", error.message}},
                      request_id);
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

// EventName is the operation's name without the prefix of its service.
std::string_view EventName(std::string_view target) {
  const size_t dot = target.find('.');
  return dot == std::string_view::npos ? target : target.substr(dot + 1);
}

}  // namespace

ApiError LogStoreFailure(const absl::Status& status) {
  engine::log::Write(engine::log::Level::kError, "store_failed",
                     {{"at", "api"}, {"why", status.ToString()}});
  return StoreFailure();
}

struct Api::Route {
  std::string_view target;
  // Whether the body proves that the caller may ask; null: the signature has to.
  bool (*proof)(Store& store, const Json& input, int64_t now_unix_ms);
  ApiOutcome (*operation)(ApiContext& context, ApiCall& call);
  std::span<const char* const> audited;
};

struct Api::Pending {
  ApiCall call;
  Reply reply;
};

const Api::Route* Api::FindRoute(std::string_view target) {
  static constexpr Route kRoutes[] = {
      {"AmazonSSM.StartSession", nullptr, StartSession, kStartSessionAudited},
      {"AmazonSSM.TerminateSession", nullptr, TerminateSession, kSessionAudited},
      {"AmazonSSM.DescribeSessions", nullptr, DescribeSessions, kDescribeAudited},
      {"AmazonSSM.GetConnectionStatus", nullptr, GetConnectionStatus, kTargetAudited},
      {"AmazonSSM.DescribeInstanceInformation", nullptr, DescribeInstanceInformation,
       kDescribeAudited},
      {"AmazonSSM.CreateActivation", nullptr, CreateActivation, kCreateActivationAudited},
      {"Adit.EnrollNode", HoldsActivation, EnrollNode, kEnrollNodeAudited},
      {"Adit.OpenLane", nullptr, OpenLane, kSessionAudited},
  };
  const auto* route = std::find_if(std::begin(kRoutes), std::end(kRoutes),
                                   [&](const Route& r) { return r.target == target; });
  return route == std::end(kRoutes) ? nullptr : route;
}

Api::Api(Store& store, Broker& broker, const NodeCertificates& certificates, std::string advertise)
    : context_{store, broker, certificates, std::move(advertise)} {}

void Api::Handle(const HttpRequest& request, std::string_view source_ip, int64_t now_unix_ms,
                 Reply reply) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path() == "/healthz" && reads) return reply(TextResponse(200, "ok\n"));
  if (request.path() != "/") return reply(TextResponse(404, "There is nothing here.\n"));
  if (request.method != "POST") {
    HttpResponse response = TextResponse(405, "This is the API of an adit-relay: POST only.\n");
    response.headers.Add("Allow", "POST");
    return reply(std::move(response));
  }
  Call(request, source_ip, now_unix_ms, std::move(reply));
}

void Api::Call(const HttpRequest& request, std::string_view source_ip, int64_t now_unix_ms,
               Reply reply) {
  const std::string_view target = request.headers.Get("x-amz-target");
  const Route* route = FindRoute(target);
  auto pending = std::make_shared<Pending>();
  pending->reply = std::move(reply);
  ApiCall& call = pending->call;
  call.source_ip = source_ip;
  call.now_unix_ms = now_unix_ms;
  AuditRecord& audit = call.audit;
  audit.time_unix_ms = now_unix_ms;
  audit.event_name = target.empty() ? "Unknown" : EventName(target);
  if (target.starts_with("Adit.")) audit.event_source = "adit";
  audit.source_ip = source_ip;
  audit.user_agent = request.headers.Get("user-agent");
  audit.request_id = NewUuid();

  // An unknown operation is told only to those who may call known ones.
  const bool is_signed = route == nullptr || route->proof == nullptr;
  bool is_proven = false;
  std::optional<ApiError> error;
  if (!is_signed) {
    is_proven = request.body.size() <= kUnsignedBodySizeMax &&
                !ParseBody(request.body, call.input).has_value() &&
                route->proof(context_.store, call.input, now_unix_ms);
  } else {
    std::variant<Caller, ApiError> proven =
        Authenticate(request, "ssm", context_.store, now_unix_ms);
    if (auto* refused = std::get_if<ApiError>(&proven)) {
      error = std::move(*refused);
    } else {
      is_proven = true;
      call.caller = std::get<Caller>(std::move(proven));
      audit.principal = call.caller.principal;
      audit.user_name = call.caller.user_name;
      audit.access_key_id = call.caller.access_key_id;
    }
  }
  if (!is_proven && !gate_.Open(now_unix_ms)) {
    return pending->reply(
        ErrorResponse({"ThrottlingException", "Rate exceeded"}, audit.request_id));
  }
  if (!error.has_value() && route == nullptr) {
    error = ApiError{"UnknownOperationException", ""};
  }
  if (!error.has_value()) error = ParseBody(request.body, call.input);
  if (error.has_value()) return Deny(*pending, *error);
  audit.request_parameters = AuditedParameters(call.input, route->audited);
  Run(std::move(pending), route->operation);
}

void Api::Run(std::shared_ptr<Pending> pending, const ApiStep& step) {
  Store& store = context_.store;
  AuditRecord& audit = pending->call.audit;
  if (absl::Status status = store.Begin(); !status.ok()) {
    return Deny(*pending, LogStoreFailure(status));
  }
  const ApiOutcome outcome = step(context_, pending->call);
  if (outcome.waits()) {
    store.Rollback();
    return outcome.Ask(pending->call.now_unix_ms,
                       [this, pending](int64_t now_unix_ms, const ApiStep& next) {
                         pending->call.now_unix_ms = now_unix_ms;
                         Run(pending, next);
                       });
  }
  std::optional<ApiError> error = outcome.error();
  if (!error.has_value()) {
    if (absl::Status status = AppendAudit(store, audit); !status.ok()) {
      error = LogStoreFailure(status);
    }
  }
  if (error.has_value()) {
    store.Rollback();
  } else if (absl::Status status = store.Commit(); !status.ok()) {
    error = LogStoreFailure(status);
  }
  if (error.has_value()) {
    audit.response_elements.clear();
    return Deny(*pending, *error);
  }
  pending->reply(JsonResponse(200, pending->call.output, audit.request_id));
}

void Api::Deny(Pending& pending, const ApiError& error) {
  AuditRecord& audit = pending.call.audit;
  if (audit.principal.empty()) {
    gate_.Failed(pending.call.now_unix_ms);
    if (const uint64_t count = gate_.TakeRefused(); count > 0) {
      audit.additional.emplace_back("refusedWithoutRecord", std::to_string(count));
    }
  }
  audit.error_code = error.code;
  audit.error_message = error.message;
  if (absl::Status status = AppendAudit(context_.store, audit); !status.ok()) {
    return pending.reply(ErrorResponse(LogStoreFailure(status), audit.request_id));
  }
  pending.reply(ErrorResponse(error, audit.request_id));
}

absl::StatusOr<std::string> Api::RenewCertificate(std::string_view node_id,
                                                  std::string_view request_pem,
                                                  int64_t now_unix_ms) {
  const absl::StatusOr<Node> node = context_.store.FindNode(node_id);
  if (!node.ok()) return node.status();
  absl::StatusOr<std::string> certificate =
      context_.certificates.Issue(node_id, request_pem, now_unix_ms);
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
