// The control plane: one HTTP request in, one response out.
//
//   authenticate --> read the body --> operation --> audit record --> commit --> answer
//
// Every call of the API leaves one audit record, allowed or denied, and is answered only when that
// is on the disk. The one exception is FailureGate's: past it, calls that nobody in particular
// makes are refused with ThrottlingException and counted in the next record.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/http/http_message.h"
#include "relay/api/api_call.h"
#include "relay/api/failure_gate.h"
#include "relay/api/node_certificates.h"

namespace relay {

class Api {
 public:
  // Requires: store and broker outlive the API. `advertise` is HOST:PORT.
  Api(Store& store, Broker& broker, const NodeCertificates& certificates, std::string advertise);

  // Handle answers one request. It never fails: errors are answers. It is synchronous and waits for
  // the disk.
  engine::HttpResponse Handle(const engine::HttpRequest& request, std::string_view source_ip,
                              int64_t now_unix_ms);

  // RenewCertificate is for a node's link, which its present certificate has proven. NotFound: the
  // node is not registered any more. InvalidArgument: the request is no good. Other errors: the
  // store does not work.
  absl::StatusOr<std::string> RenewCertificate(std::string_view node_id,
                                               std::string_view request_pem, int64_t now_unix_ms);

 private:
  struct Route;
  static const Route* FindRoute(std::string_view target);

  engine::HttpResponse Call(const engine::HttpRequest& request, std::string_view source_ip,
                            int64_t now_unix_ms);
  std::optional<ApiError> Run(const Route& route, const engine::HttpRequest& request,
                              const Caller& caller, nlohmann::json& output, AuditRecord& audit);
  engine::HttpResponse Deny(const ApiError& error, AuditRecord& audit);

  ApiContext context_;
  FailureGate gate_;
};

}  // namespace relay
