#include "engine/wire/session_plan.h"

#include <variant>

#include "engine/wire/command_line.h"

namespace engine {
namespace {

// A command may be long; a line of the audit trail is not.
constexpr size_t kDescriptionSizeMax = 256;

bool Allows(const SessionPlan& plan, const ShellRequest&) {
  return plan.kind == SessionKind::kShell;
}

bool Allows(const SessionPlan& plan, const ExecRequest& request) {
  return plan.kind == SessionKind::kExec && plan.with_terminal == request.with_terminal &&
         plan.command == JoinCommand(request.arguments);
}

bool Allows(const SessionPlan& plan, const TcpRequest& request) {
  return plan.kind == SessionKind::kTcp && plan.host == request.host && plan.port == request.port;
}

template <class Request>
void Stamp(const SessionNames& names, Request& request) {
  request.session_id = names.session_id;
  request.principal = names.principal;
  if constexpr (requires { request.run_as; }) request.run_as = names.run_as;
}

}  // namespace

SessionPlan PlanOf(const SessionOffer& offer) {
  SessionPlan plan;
  if (offer.kind == "tcp") {
    plan.kind = SessionKind::kTcp;
    plan.host = offer.host;
    plan.port = offer.port;
  } else if (offer.kind == "exec") {
    plan.kind = SessionKind::kExec;
    plan.command = offer.command;
    plan.with_terminal = offer.with_terminal;
  }
  return plan;
}

std::string Describe(const SessionPlan& plan) {
  switch (plan.kind) {
    case SessionKind::kShell:
      return "shell";
    case SessionKind::kExec:
      return (plan.with_terminal ? "exec -t " : "exec ") +
             plan.command.substr(0, kDescriptionSizeMax);
    case SessionKind::kTcp:
      return "tcp " + plan.host + ":" + std::to_string(plan.port);
  }
  return "";
}

CheckedOpen CheckOpen(const SessionPlan& plan, const SessionNames& names,
                      std::string_view request) {
  CheckedOpen checked;
  if (!DecodeOpen(request, checked.request)) {
    checked.code = CloseCode::kUnsupported;
    checked.text = "what is to be opened is not known here; update the older side";
    return checked;
  }
  std::visit(
      [&](auto& wanted) {
        if (Allows(plan, wanted)) return Stamp(names, wanted);
        checked.code = CloseCode::kDenied;
        checked.text = "this session allows only: " + Describe(plan) + "; start another one";
      },
      checked.request);
  return checked;
}

}  // namespace engine
