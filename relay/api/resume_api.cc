#include "relay/api/resume_api.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "relay/api/api_input.h"
#include "relay/api/sessions_api.h"
#include "relay/broker/broker.h"
#include "relay/store/store.h"

namespace relay {

ApiOutcome ResumeSession(ApiContext& context, ApiCall& call) {
  ApiInput input(call.input);
  const std::string id = input.Line("SessionId", ApiInput::Presence::kRequired, 1, 96);
  if (input.error().has_value()) return input.error();
  const absl::StatusOr<Session> session = context.store.FindSession(id);
  if (absl::IsNotFound(session.status())) {
    return ApiError{"DoesNotExistException", "Session " + id + " does not exist."};
  }
  if (!session.ok()) return LogStoreFailure(session.status());
  // A policy may allow everything; what somebody else types is not among that.
  if (session->principal != call.caller.principal) {
    return ApiError{"AccessDeniedException",
                    "Session " + id + " was started by somebody else, who alone can resume it."};
  }
  call.output = {{"SessionId", id}, {"StreamUrl", StreamUrl(context, id)}};
  nlohmann::json audited = {{"sessionId", id}};
  if (const std::optional<StartedSession> renewed = context.broker.RenewToken(id)) {
    call.output["TokenValue"] = renewed->token;
    audited["tokenValue"] = kHiddenValue;
  }
  call.audit.response_elements = audited.dump();
  return std::nullopt;
}

}  // namespace relay
