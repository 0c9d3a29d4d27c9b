#include "relay/documents/resolve_document.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "relay/documents/command_template.h"

namespace relay {
namespace {

constexpr size_t kHostSizeMax = 253;          // RFC 1035, in text form.
constexpr size_t kCommandSizeMax = 8 * 1024;  // It travels in one control message.
constexpr size_t kShownSizeMax = 256;

bool IsHost(std::string_view text) {
  if (text.empty() || text.size() > kHostSizeMax || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

absl::StatusOr<ParameterValues> FillDefaults(const SessionDocument& document,
                                             const ParameterValues& given) {
  ParameterValues values;
  for (const auto& [name, list] : given) {
    const auto known = std::ranges::find(document.parameters, name, &DocumentParameter::name);
    if (known == document.parameters.end()) {
      return absl::InvalidArgumentError("Parameter \"" + name.substr(0, kShownSizeMax) +
                                        "\" is not defined in the document.");
    }
    if (absl::Status status = CheckValues(*known, list); !status.ok()) return status;
    values.emplace(name, list);
  }
  for (const DocumentParameter& parameter : document.parameters) {
    if (values.contains(parameter.name)) continue;
    if (!parameter.default_value.has_value()) {
      return absl::InvalidArgumentError("Parameter \"" + parameter.name + "\" requires a value.");
    }
    values.emplace(parameter.name, *parameter.default_value);
  }
  return values;
}

PortProperties FillPort(PortProperties port, const ParameterValues& values) {
  for (std::string* text : {&port.port_number, &port.local_port_number, &port.host, &port.type,
                            &port.local_unix_socket, &port.local_connection_type}) {
    *text = FillPlaceholders(*text, values);
  }
  return port;
}

absl::StatusOr<SessionPlan> PortPlan(const PortProperties& port, const ParameterValues& values) {
  SessionPlan plan;
  plan.kind = SessionKind::kTcp;
  plan.host = FillPlaceholders(port.host, values);
  if (plan.host.empty()) plan.host = "localhost";
  const std::string number = FillPlaceholders(port.port_number, values);
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), plan.port);
  const bool is_number = error == std::errc() && end == number.data() + number.size();
  if (!is_number || plan.port == 0) {
    return absl::InvalidArgumentError("\"" + number.substr(0, kShownSizeMax) +
                                      "\" is not a port number.");
  }
  if (!IsHost(plan.host)) {
    return absl::InvalidArgumentError("\"" + plan.host.substr(0, kShownSizeMax) +
                                      "\" is not the name or address of a host.");
  }
  return plan;
}

absl::StatusOr<SessionPlan> CommandPlan(const SessionDocument& document,
                                        const ParameterValues& values) {
  if (!document.linux_commands.has_value()) {
    return absl::FailedPreconditionError("The document has no commands for Linux.");
  }
  const CommandProperties& properties = *document.linux_commands;
  if (properties.run_as_elevated) {
    return absl::FailedPreconditionError(
        "The document wants to run as root (runAsElevated), which nodes here never do; use sudo in "
        "its commands.");
  }
  SessionPlan plan;
  plan.kind = SessionKind::kExec;
  plan.with_terminal = document.type == SessionType::kInteractiveCommands;
  plan.with_shell = plan.with_terminal;
  if (const std::string whole = WholePlaceholder(properties.commands); !whole.empty()) {
    plan.command = FillPlaceholders("{{" + whole + "}}", values);
  } else if (plan.with_shell) {
    plan.command = FillScript(properties.commands, values);
  } else {
    absl::StatusOr<std::string> line = FillWords(properties.commands, values);
    if (!line.ok()) {
      return absl::InvalidArgumentError("The command of the document cannot be used: " +
                                        std::string(line.status().message()) + ".");
    }
    plan.command = *std::move(line);
  }
  if (plan.command.empty() || plan.command.size() > kCommandSizeMax) {
    return absl::InvalidArgumentError(
        "The command has, with its parameters, " + std::to_string(plan.command.size()) +
        " bytes; it may have 1 to " + std::to_string(kCommandSizeMax) + ".");
  }
  return plan;
}

}  // namespace

absl::StatusOr<ResolvedSession> ResolveDocument(const ResolveRequest& request) {
  const SessionDocument& document = request.document;
  const absl::StatusOr<ParameterValues> values = FillDefaults(document, request.parameters);
  if (!values.ok()) return values.status();

  ResolvedSession session;
  session.type = document.type;
  session.preferences = document.inputs.value_or(request.preferences);
  absl::StatusOr<SessionPlan> plan = SessionPlan{};
  if (document.type == SessionType::kPort) {
    plan = PortPlan(document.port, *values);
  } else if (document.type != SessionType::kStandardStream) {
    plan = CommandPlan(document, *values);
  }
  if (!plan.ok()) return plan.status();
  session.plan = *std::move(plan);
  session.port = FillPort(document.port, *values);
  if (document.linux_commands.has_value()) {
    session.separates_output = document.linux_commands->separate_output_stream;
    session.output_prefix = document.linux_commands->std_out_separator_prefix;
    session.error_prefix = document.linux_commands->std_err_separator_prefix;
  }

  SessionInputs& inputs = session.preferences;
  for (std::string* text :
       {&inputs.s3_bucket_name, &inputs.s3_key_prefix, &inputs.cloudwatch_log_group_name,
        &inputs.kms_key_id, &inputs.run_as_default_user}) {
    if (document.inputs.has_value()) *text = FillPlaceholders(*text, *values);
  }
  // Nothing passes in clear then. AWS's clients encrypt what is no port; it would pass as it is.
  if (!inputs.kms_key_id.empty()) {
    const bool is_port = document.type == SessionType::kPort;
    session.carriages = is_port ? CarriageRule::kSealedOnly : CarriageRule::kKeyed;
    if (!is_port) session.plan.key_id = inputs.kms_key_id;
  }
  // A command without a terminal has no user who could be idle.
  const bool has_user = document.type != SessionType::kNonInteractiveCommands;
  session.idle_seconds_max = has_user ? inputs.idle_minutes_max * 60 : 0;
  session.duration_seconds_max = inputs.duration_minutes_max * 60;
  if (document.type == SessionType::kStandardStream) session.plan.profile = inputs.linux_profile;
  if (inputs.run_as_enabled && document.type != SessionType::kPort) {
    session.run_as = request.run_as_tag.empty() ? inputs.run_as_default_user : request.run_as_tag;
    if (session.run_as.empty()) {
      return absl::FailedPreconditionError(
          "The preferences want sessions to run as a named user (runAsEnabled), and name none: "
          "set runAsDefaultUser there, or the tag SSMSessionRunAs of the user or role.");
    }
    if (session.run_as == "root") {
      return absl::FailedPreconditionError(
          "Sessions never run as root; name another user, and use sudo there.");
    }
  }
  return session;
}

}  // namespace relay
