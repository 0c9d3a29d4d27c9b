#include "relay/originals/original_task.h"

#include <utility>

#include "engine/loop/address.h"
#include "engine/loop/link_local_address.h"
#include "engine/wire/command_line.h"

namespace relay {

using engine::CloseCode;
using engine::datachannel::kLocalPortForwarding;
using engine::datachannel::kSessionInteractive;
using engine::datachannel::kSessionNonInteractive;
using engine::datachannel::kSessionPort;
using engine::datachannel::kSessionShell;
using engine::datachannel::PortProperties;

namespace {

constexpr const char* kShellDocumentName = "SSM-SessionManagerRunShell";
constexpr const char* kInteractiveDocumentName = "AWS-StartInteractiveCommand";
constexpr const char* kCommandDocumentName = "AWS-StartNonInteractiveCommand";
constexpr const char* kPortDocumentName = "AWS-StartPortForwardingSessionToRemoteHost";

OriginalTask Refused(CloseCode code, std::string text) {
  OriginalTask task;
  task.code = code;
  task.text = std::move(text);
  return task;
}

OriginalTask ShellTask(const engine::ShellRequest& request) {
  OriginalTask task;
  task.start = {.session_id = request.session_id,
                .document_name = kShellDocumentName,
                .owner = request.principal,
                .run_as = request.run_as,
                .type = kSessionShell,
                .profile = request.profile};
  task.with_terminal = true;
  task.size = request.size;
  return task;
}

// An agent gives an interactive command to a shell, and splits another one as a shell would: both
// get back the arguments that were asked for.
OriginalTask ExecTask(const engine::ExecRequest& request) {
  OriginalTask task;
  task.start = {
      .session_id = request.session_id,
      .document_name = request.with_terminal ? kInteractiveDocumentName : kCommandDocumentName,
      .owner = request.principal,
      .run_as = request.run_as,
      .type = request.with_terminal ? kSessionInteractive : kSessionNonInteractive,
      .command = engine::JoinCommand(request.arguments),
      .separates_output = !request.with_terminal};
  task.shakes_hands = !request.with_terminal;
  task.with_terminal = request.with_terminal;
  task.size = request.size;
  return task;
}

// Whoever asks for a key has a session that must be encrypted. An agent told by a stream would run
// it in the clear.
bool WantsKey(const engine::OpenRequest& open) {
  return std::visit(
      [](const auto& request) {
        if constexpr (requires { request.key; }) return request.key.has_value();
        return false;
      },
      open);
}

bool IsLinkLocal(const std::string& host) {
  engine::Address address;
  return engine::Address::Parse(host, 1, address) && engine::IsLinkLocal(address);
}

OriginalTask RefusedLinkLocal(const std::string& host) {
  return Refused(CloseCode::kDenied,
                 host +
                     " is a link-local address, which a session may reach only when a policy "
                     "names it");
}

OriginalTask PortTask(const engine::TcpRequest& request) {
  if (IsLinkLocal(request.host) && !request.may_be_link_local) {
    return RefusedLinkLocal(request.host);
  }
  OriginalTask task;
  task.start = {.session_id = request.session_id,
                .document_name = kPortDocumentName,
                .owner = request.principal,
                .type = kSessionPort,
                .port = PortProperties{.port_number = std::to_string(request.port),
                                       .local_port_number = "0",
                                       .type = kLocalPortForwarding,
                                       .host = request.host}};
  task.is_port = true;
  task.shakes_hands = true;
  return task;
}

OriginalTask Bounded(OriginalTask task) {
  if (task.code == CloseCode::kNormal && Encode(task.start).size() > kStartTaskSizeMax) {
    return Refused(CloseCode::kTooMany,
                   "the command line is too long for this node's agent (amazon-ssm-agent)");
  }
  return task;
}

// As the documents are named that AWS provides.
const char* DocumentOf(const SessionGrant& grant) {
  if (grant.plan.kind == engine::SessionKind::kShell) return kShellDocumentName;
  if (grant.plan.kind == engine::SessionKind::kTcp) return kPortDocumentName;
  return grant.plan.with_terminal ? kInteractiveDocumentName : kCommandDocumentName;
}

}  // namespace

OriginalTask TaskOf(std::string_view request) {
  engine::OpenRequest open;
  if (!engine::DecodeOpen(request, open)) {
    return Refused(CloseCode::kUnsupported, "the request cannot be read");
  }
  if (WantsKey(open)) {
    return Refused(CloseCode::kDenied,
                   "the session has a kmsKeyId, and this node's agent (amazon-ssm-agent) encrypts "
                   "for AWS's own clients alone: start the session with the AWS CLI");
  }
  OriginalTask task = Refused(CloseCode::kUnsupported,
                              "this node's agent (amazon-ssm-agent) knows nothing of the kind");
  if (const auto* shell = std::get_if<engine::ShellRequest>(&open)) task = ShellTask(*shell);
  if (const auto* exec = std::get_if<engine::ExecRequest>(&open)) task = ExecTask(*exec);
  if (const auto* tcp = std::get_if<engine::TcpRequest>(&open)) task = PortTask(*tcp);
  return Bounded(std::move(task));
}

OriginalTask TaskOf(const SessionGrant& grant) {
  const engine::SessionPlan& plan = grant.plan;
  const ClientTerms& terms = grant.client_terms;
  if (IsLinkLocal(plan.host) && !plan.may_be_link_local) return RefusedLinkLocal(plan.host);
  OriginalTask task;
  task.start = {.session_id = grant.session_id,
                .document_name = DocumentOf(grant),
                .owner = grant.principal,
                .run_as = grant.run_as,
                .type = terms.session_type,
                .profile = plan.profile,
                .command = plan.command,
                .separates_output = terms.separates_output,
                .output_prefix = terms.output_prefix,
                .error_prefix = terms.error_prefix,
                .key_id = plan.key_id,
                .port = terms.port};
  return Bounded(std::move(task));
}

}  // namespace relay
