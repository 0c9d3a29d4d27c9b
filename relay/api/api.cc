#include "relay/api/api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "engine/base/log.h"
#include "relay/api/activations_api.h"
#include "relay/api/api_input.h"
#include "relay/api/nodes_api.h"
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
constexpr const char* kTerminateSessionAudited[] = {"SessionId"};
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
  enum class Proof : uint8_t { kSignature, kInBody } proof;
  Operation operation;
  std::span<const char* const> audited;
};

const Api::Route* Api::FindRoute(std::string_view target) {
  using Proof = Route::Proof;
  static constexpr Route kRoutes[] = {
      {"AmazonSSM.StartSession", Proof::kSignature, StartSession, kStartSessionAudited},
      {"AmazonSSM.TerminateSession", Proof::kSignature, TerminateSession, kTerminateSessionAudited},
      {"AmazonSSM.DescribeSessions", Proof::kSignature, DescribeSessions, kDescribeAudited},
      {"AmazonSSM.GetConnectionStatus", Proof::kSignature, GetConnectionStatus, kTargetAudited},
      {"AmazonSSM.DescribeInstanceInformation", Proof::kSignature, DescribeInstanceInformation,
       kDescribeAudited},
      {"AmazonSSM.CreateActivation", Proof::kSignature, CreateActivation, kCreateActivationAudited},
      {"Adit.EnrollNode", Proof::kInBody, EnrollNode, kEnrollNodeAudited},
  };
  const auto* route = std::find_if(std::begin(kRoutes), std::end(kRoutes),
                                   [&](const Route& r) { return r.target == target; });
  return route == std::end(kRoutes) ? nullptr : route;
}

Api::Api(Store& store, Broker& broker, const NodeCertificates& certificates, std::string advertise)
    : context_{store, broker, certificates, std::move(advertise)} {}

HttpResponse Api::Handle(const HttpRequest& request, std::string_view source_ip,
                         int64_t now_unix_ms) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path() == "/healthz" && reads) return TextResponse(200, "ok\n");
  if (request.path() != "/") return TextResponse(404, "There is nothing here.\n");
  if (request.method != "POST") {
    HttpResponse response = TextResponse(405, "This is the API of an adit-relay: POST only.\n");
    response.headers.Add("Allow", "POST");
    return response;
  }
  return Call(request, source_ip, now_unix_ms);
}

HttpResponse Api::Call(const HttpRequest& request, std::string_view source_ip,
                       int64_t now_unix_ms) {
  const std::string_view target = request.headers.Get("x-amz-target");
  const Route* route = FindRoute(target);
  AuditRecord audit;
  audit.time_unix_ms = now_unix_ms;
  audit.event_name = target.empty() ? "Unknown" : EventName(target);
  if (target.starts_with("Adit.")) audit.event_source = "adit";
  audit.source_ip = source_ip;
  audit.user_agent = request.headers.Get("user-agent");
  audit.request_id = NewUuid();

  // An unknown operation is told only to those who may call known ones.
  const bool is_signed = route == nullptr || route->proof == Route::Proof::kSignature;
  Caller caller;
  std::optional<ApiError> error;
  if (is_signed) {
    std::variant<Caller, ApiError> proven =
        Authenticate(request, "ssm", context_.store, now_unix_ms);
    if (auto* refused = std::get_if<ApiError>(&proven)) {
      error = std::move(*refused);
    } else {
      caller = std::get<Caller>(std::move(proven));
      audit.principal = caller.principal;
      audit.user_name = caller.user_name;
      audit.access_key_id = caller.access_key_id;
    }
  }
  const bool nobody = audit.principal.empty();
  if (nobody && !gate_.Open(now_unix_ms)) {
    return ErrorResponse({"ThrottlingException", "Rate exceeded"}, audit.request_id);
  }
  if (!error.has_value() && route == nullptr) {
    error = ApiError{"UnknownOperationException", ""};
  }
  Json output = Json::object();
  if (!error.has_value()) error = Run(*route, request, caller, output, audit);
  if (!error.has_value()) return JsonResponse(200, output, audit.request_id);
  if (nobody) {
    gate_.Failed(now_unix_ms);
    if (const uint64_t count = gate_.TakeRefused(); count > 0) {
      audit.additional.emplace_back("refusedWithoutRecord", std::to_string(count));
    }
  }
  return Deny(*error, audit);
}

std::optional<ApiError> Api::Run(const Route& route, const HttpRequest& request,
                                 const Caller& caller, Json& output, AuditRecord& audit) {
  Json input;
  if (std::optional<ApiError> error = ParseBody(request.body, input)) return error;
  audit.request_parameters = AuditedParameters(input, route.audited);
  Store& store = context_.store;
  if (absl::Status status = store.Begin(); !status.ok()) return LogStoreFailure(status);
  ApiCall call{input, caller, audit.source_ip, audit.time_unix_ms, output, audit};
  std::optional<ApiError> error = route.operation(context_, call);
  if (!error.has_value()) {
    if (absl::Status status = AppendAudit(store, audit); !status.ok()) {
      error = LogStoreFailure(status);
    }
  }
  if (error.has_value()) {
    store.Rollback();
    audit.response_elements.clear();
    return error;
  }
  if (absl::Status status = store.Commit(); !status.ok()) {
    audit.response_elements.clear();
    return LogStoreFailure(status);
  }
  return std::nullopt;
}

HttpResponse Api::Deny(const ApiError& error, AuditRecord& audit) {
  audit.error_code = error.code;
  audit.error_message = error.message;
  if (absl::Status status = AppendAudit(context_.store, audit); !status.ok()) {
    return ErrorResponse(LogStoreFailure(status), audit.request_id);
  }
  return ErrorResponse(error, audit.request_id);
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
