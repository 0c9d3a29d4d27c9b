#include "relay/switchboard/open_check.h"

#include <utility>
#include <variant>

#include "engine/wire/command_line.h"
#include "engine/wire/control.h"

namespace relay {
namespace {

using engine::CloseCode;

bool Allows(const SessionPlan& plan, const engine::ShellRequest&) {
  return plan.kind == SessionKind::kShell;
}

bool Allows(const SessionPlan& plan, const engine::ExecRequest& request) {
  return plan.kind == SessionKind::kExec && plan.with_terminal == request.with_terminal &&
         plan.command == engine::JoinCommand(request.arguments);
}

bool Allows(const SessionPlan& plan, const engine::TcpRequest& request) {
  return plan.kind == SessionKind::kTcp && plan.host == request.host && plan.port == request.port;
}

void Stamp(const SessionGrant& grant, engine::ShellRequest& request) {
  request.run_as = grant.run_as;
}
void Stamp(const SessionGrant& grant, engine::ExecRequest& request) {
  request.run_as = grant.run_as;
}
void Stamp(const SessionGrant&, engine::TcpRequest&) {}

}  // namespace

CheckedOpen CheckOpen(const SessionGrant& grant, std::string_view request) {
  engine::OpenRequest open;
  if (!engine::DecodeOpen(request, open)) {
    return {CloseCode::kUnsupported,
            "the relay cannot read what is to be opened; update the older side",
            {},
            {}};
  }
  return std::visit(
      [&grant](auto& wanted) -> CheckedOpen {
        if (!Allows(grant.plan, wanted)) {
          return {CloseCode::kDenied,
                  "this session allows only: " + Describe(grant.plan) + "; start another one",
                  {},
                  {}};
        }
        wanted.session_id = grant.session_id;
        wanted.principal = grant.principal;
        Stamp(grant, wanted);
        return {CloseCode::kNormal, {}, engine::EncodeOpen(wanted), Describe(grant.plan)};
      },
      open);
}

}  // namespace relay
