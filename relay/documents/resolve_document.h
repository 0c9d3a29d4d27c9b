// What a session is, by its document, the parameters that were given, and the preferences.

#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/wire/session_plan.h"
#include "relay/documents/carriage_rule.h"
#include "relay/documents/placeholder.h"
#include "relay/documents/session_document.h"

namespace relay {

using engine::SessionKind;
using engine::SessionPlan;

// ResolvedSession is the grant, and what the document and the preferences want of the session.
struct ResolvedSession {
  SessionPlan plan;
  CarriageRule carriages = CarriageRule::kEither;
  SessionType type = SessionType::kStandardStream;
  uint32_t idle_seconds_max = 0;      // 0: never.
  uint32_t duration_seconds_max = 0;  // 0: the relay's own maximum.
  std::string run_as;                 // Empty: as the agent is configured.
  PortProperties port;                // kPort, with its parameters filled in.
  bool separates_output = false;      // kNonInteractiveCommands, as the two below.
  std::string output_prefix;
  std::string error_prefix;
  SessionInputs preferences;  // Logs and keys, for whoever keeps logs.
};

struct ResolveRequest {
  const SessionDocument& document;
  const SessionInputs& preferences;   // Of kShellDocument.
  const ParameterValues& parameters;  // Those that were given.
  std::string run_as_tag;             // The principal's tag SSMSessionRunAs; empty: none.
};

// ResolveDocument: InvalidArgument: a parameter is missing, unknown or outside its limits; the text
// says which. FailedPrecondition: the document cannot be used here; the text says why.
absl::StatusOr<ResolvedSession> ResolveDocument(const ResolveRequest& request);

}  // namespace relay
