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

OriginalTask Refused(CloseCode code, std::string text) {
  OriginalTask task;
  task.code = code;
  task.text = std::move(text);
  return task;
}

OriginalTask ShellTask(const engine::ShellRequest& request) {
  OriginalTask task;
  task.start = {.session_id = request.session_id,
                .document_name = "SSM-SessionManagerRunShell",
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
  task.start = {.session_id = request.session_id,
                .document_name = request.with_terminal ? "AWS-StartInteractiveCommand"
                                                       : "AWS-StartNonInteractiveCommand",
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

OriginalTask PortTask(const engine::TcpRequest& request) {
  engine::Address address;
  const bool is_link_local = engine::Address::Parse(request.host, 1, address) &&
                             engine::IsLinkLocal(address) && !request.may_be_link_local;
  if (is_link_local) {
    return Refused(CloseCode::kDenied, request.host +
                                           " is a link-local address, which a session may reach "
                                           "only when a policy names it");
  }
  OriginalTask task;
  task.start = {.session_id = request.session_id,
                .document_name = "AWS-StartPortForwardingSessionToRemoteHost",
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

}  // namespace

OriginalTask TaskOf(std::string_view request) {
  engine::OpenRequest open;
  if (!engine::DecodeOpen(request, open)) {
    return Refused(CloseCode::kUnsupported, "the request cannot be read");
  }
  OriginalTask task = Refused(CloseCode::kUnsupported,
                              "this node's agent (amazon-ssm-agent) knows nothing of the kind");
  if (const auto* shell = std::get_if<engine::ShellRequest>(&open)) task = ShellTask(*shell);
  if (const auto* exec = std::get_if<engine::ExecRequest>(&open)) task = ExecTask(*exec);
  if (const auto* tcp = std::get_if<engine::TcpRequest>(&open)) task = PortTask(*tcp);
  if (task.code == CloseCode::kNormal && Encode(task.start).size() > kStartTaskSizeMax) {
    return Refused(CloseCode::kTooMany,
                   "the command line is too long for this node's agent (amazon-ssm-agent)");
  }
  return task;
}

}  // namespace relay
