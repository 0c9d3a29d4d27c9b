// What every operation of the API is given, and what it gives back.

#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "relay/access/api_error.h"
#include "relay/access/authenticate.h"
#include "relay/audit/audit_trail.h"

namespace relay {

class Broker;
class NodeCertificates;
class Store;

// ApiContext outlives every call.
struct ApiContext {
  Store& store;
  Broker& broker;
  const NodeCertificates& certificates;
  std::string advertise;  // HOST:PORT, as clients reach this relay.
};

// ApiCall is one request on its way. Output is an object, empty at first, and is sent when the
// operation returns no error. Audit is the record of the call: who, when, from where and with which
// parameters is in it already; the operation adds what came of it, never a secret.
struct ApiCall {
  const nlohmann::json& input;  // An object.
  const Caller& caller;         // Empty members if the operation is not signed.
  std::string source_ip;
  int64_t now_unix_ms = 0;
  nlohmann::json& output;
  AuditRecord& audit;
};

// Operation runs inside a transaction of the store, which is kept if it returns no error.
using Operation = std::optional<ApiError> (*)(ApiContext& context, ApiCall& call);

// LogStoreFailure writes the reason to the log and returns the answer that does not tell it.
ApiError LogStoreFailure(const absl::Status& status);

// ToTimestamp is how the API writes a time: seconds, with a fraction.
inline double ToTimestamp(int64_t unix_ms) { return static_cast<double>(unix_ms) / 1000.0; }

}  // namespace relay
