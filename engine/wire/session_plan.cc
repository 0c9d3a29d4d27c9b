#include "engine/wire/session_plan.h"

#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "engine/wire/command_line.h"

namespace engine {
namespace {

constexpr std::string_view kAllowsOnly = "this session allows only: ";
constexpr std::string_view kTcpBegin = "tcp ";

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

bool Allows(const SessionPlan&, const GrantedRequest&) { return false; }  // Nothing was granted.

// Expand puts what was granted in the place of a request that names nothing else; a port has to be
// asked for by its name.
void Expand(const SessionPlan& plan, OpenRequest& request) {
  const auto* asked = std::get_if<GrantedRequest>(&request);
  if (asked == nullptr) return;
  if (plan.kind == SessionKind::kShell) {
    request = ShellRequest{.size = asked->size, .terminal = asked->terminal, .key = asked->key};
  } else if (plan.kind == SessionKind::kExec) {
    ExecRequest exec{.with_terminal = plan.with_terminal,
                     .size = asked->size,
                     .terminal = asked->terminal,
                     .key = asked->key};
    if (plan.with_shell) {
      exec.arguments = {"sh", "-c", plan.command};
    } else if (absl::StatusOr<std::vector<std::string>> words = SplitCommand(plan.command);
               words.ok() && words->size() <= kCommandArgumentsMax) {
      exec.arguments = *std::move(words);
    } else {
      return;
    }
    request = std::move(exec);
  }
}

// A key that nobody wanted is not used, and without the one that was wanted nothing opens.
template <class Request>
bool SetKey(const SessionPlan& plan, Request& request) {
  if constexpr (requires { request.key; }) {
    if (plan.key_id.empty()) request.key.reset();
    if (request.key.has_value()) request.key->key_id = plan.key_id;
    return request.key.has_value() || plan.key_id.empty();
  }
  return plan.key_id.empty();
}

template <class Request>
void Stamp(const SessionPlan& plan, const SessionNames& names, Request& request) {
  request.session_id = names.session_id;
  request.principal = names.principal;
  if constexpr (requires { request.run_as; }) request.run_as = names.run_as;
  if constexpr (requires { request.limits; }) request.limits = names.limits;
  if constexpr (requires { request.profile; }) request.profile = plan.profile;
  if constexpr (requires { request.may_be_link_local; }) {
    request.may_be_link_local = plan.may_be_link_local;
  }
}

}  // namespace

SessionPlan PlanOf(const SessionOffer& offer) {
  SessionPlan plan;
  if (offer.kind == "tcp") {
    plan.kind = SessionKind::kTcp;
    plan.host = offer.host;
    plan.port = offer.port;
    plan.may_be_link_local = offer.may_be_link_local;
  } else if (offer.kind == "exec") {
    plan.kind = SessionKind::kExec;
    plan.command = offer.command;
    plan.with_terminal = offer.with_terminal;
    plan.with_shell = offer.with_shell;
  } else {
    plan.profile = offer.profile;
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
      return std::string(kTcpBegin) + plan.host + ":" + std::to_string(plan.port);
  }
  return "";
}

std::string IdleText(int64_t seconds_max) {
  return "nothing was sent or received for " + std::to_string(seconds_max) +
         " seconds, the longest that this session may be idle";
}

std::string AllowsOnlyText(const SessionPlan& plan) {
  return std::string(kAllowsOnly) + Describe(plan) + "; start another one";
}

std::string_view AllowedPortIn(std::string_view text) {
  if (!text.starts_with(kAllowsOnly)) return {};
  text.remove_prefix(kAllowsOnly.size());
  if (!text.starts_with(kTcpBegin)) return {};
  text.remove_prefix(kTcpBegin.size());
  return text.substr(0, text.find(';'));
}

CheckedOpen CheckOpen(const SessionPlan& plan, const SessionNames& names,
                      std::string_view request) {
  CheckedOpen checked;
  if (!DecodeOpen(request, checked.request)) {
    checked.code = CloseCode::kUnsupported;
    checked.text = "what is to be opened is not known here; update the older side";
    return checked;
  }
  const bool is_granted = std::holds_alternative<GrantedRequest>(checked.request);
  Expand(plan, checked.request);
  std::visit(
      [&](auto& wanted) {
        const bool is_expanded = is_granted && plan.kind != SessionKind::kTcp &&
                                 !std::is_same_v<decltype(wanted), GrantedRequest&>;
        checked.code = CloseCode::kDenied;
        if (!SetKey(plan, wanted)) {
          checked.text =
              "this session's document has a kmsKeyId: it is encrypted between its client "
              "and its node, or sealed; update the client, or ask for a sealed one";
          return;
        }
        if (is_expanded || Allows(plan, wanted)) {
          checked.code = CloseCode::kNormal;
          return Stamp(plan, names, wanted);
        }
        checked.text = AllowsOnlyText(plan);
      },
      checked.request);
  return checked;
}

}  // namespace engine
