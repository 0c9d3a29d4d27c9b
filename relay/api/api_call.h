// What every operation of the API is given, and what it gives back.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "relay/access/access_case.h"
#include "relay/access/api_error.h"
#include "relay/access/caller.h"
#include "relay/audit/audit_trail.h"
#include "relay/broker/session_wish.h"

namespace relay {

class AgentPolls;
class Authoriser;
class Broker;
class MfaCheck;
class StartRetries;
class NodeCertificates;
class SessionWatch;
class SessionTokens;
class Store;

// ApiContext outlives every call.
struct ApiContext {
  Store& store;
  Broker& broker;
  const NodeCertificates& certificates;
  Authoriser& authoriser;
  SessionWatch& watch;
  MfaCheck& mfa;
  StartRetries& retries;
  AgentPolls& polls;
  const SessionTokens& tokens;
  std::string advertise;  // HOST:PORT, as clients reach this relay.
};

// ApiCall is one request on its way. Output is an object, empty at first, and is sent when the
// operation returns no error. Audit is the record of the call: who, when, from where and with which
// parameters is in it already; the operation adds what came of it, never a secret.
struct ApiCall {
  std::string_view operation;  // "StartSession"; static.
  nlohmann::json input = nlohmann::json::object();
  Caller caller;                            // Empty members if the operation is not signed.
  AccessCase access;                        // What the call was allowed by, once it runs.
  std::shared_ptr<const WishOutcome> wish;  // Of StartSession: what it was allowed.
  std::string source_ip;
  std::optional<uint32_t> joins_on;  // As of Api::Handle.
  std::string invocation_id;         // Of AWS's clients: the same for all attempts of one call.
  uint32_t attempt = 0;              // 1 for the first; 0: it does not say.
  int64_t now_unix_ms = 0;           // When the step that runs began.
  bool is_routine = false;           // Leaves no record when it succeeds.
  nlohmann::json output = nlohmann::json::object();
  AuditRecord audit;
};

class ApiOutcome;

// ApiStep is an operation, or what is left of one that waited. It runs inside a transaction of the
// store, which is kept if it returns no error.
using ApiStep = std::function<ApiOutcome(ApiContext& context, ApiCall& call)>;

// ApiResume goes on with a call that waits. Called once, on the API's thread, and not inside a
// transaction.
using ApiResume = std::function<void(int64_t now_unix_ms, ApiStep next)>;

// ApiOutcome is how a step ended: the call is done, it is refused, or it waits for an answer from
// outside, such as a node's.
class [[nodiscard]] ApiOutcome {
 public:
  // Implicit, so that an operation just returns std::nullopt when it is done, or the error.
  ApiOutcome(std::nullopt_t) {}
  ApiOutcome(ApiError error) : error_(std::move(error)) {}
  ApiOutcome(std::optional<ApiError> error) : error_(std::move(error)) {}

  // Wait: the transaction of this step is dropped, then `ask` is called with the function that goes
  // on. Whoever keeps that function bounds how many there are, and for how long.
  using Question = std::function<void(int64_t now_unix_ms, ApiResume resume)>;
  static ApiOutcome Wait(Question ask) {
    ApiOutcome outcome(std::nullopt);
    outcome.ask_ = std::move(ask);
    return outcome;
  }

  bool waits() const { return ask_ != nullptr; }
  void Ask(int64_t now_unix_ms, ApiResume resume) const { ask_(now_unix_ms, std::move(resume)); }
  const std::optional<ApiError>& error() const { return error_; }

 private:
  std::optional<ApiError> error_;
  Question ask_;
};

// What an audit record says in the place of a secret.
inline constexpr std::string_view kHiddenValue = "Value hidden due to security reasons.";

// LogStoreFailure writes the reason to the log and returns the answer that does not tell it.
ApiError LogStoreFailure(const absl::Status& status);

// ToTimestamp is how the API writes a time: seconds, with a fraction.
inline double ToTimestamp(int64_t unix_ms) { return static_cast<double>(unix_ms) / 1000.0; }

}  // namespace relay
