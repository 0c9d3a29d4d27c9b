// The strict reader of schema 1.0.

#include <algorithm>
#include <utility>

#include "engine/wire/command_line.h"
#include "relay/documents/command_template.h"
#include "relay/documents/document_members.h"
#include "relay/documents/placeholder.h"
#include "relay/documents/session_document.h"

namespace relay {
namespace {

constexpr size_t kParametersMax = 64;
constexpr size_t kAllowedValuesMax = 256;
constexpr size_t kParameterNameSizeMax = 128;
constexpr size_t kCommandSizeMax = 6 * 1024;  // With its values it travels in a control message.
constexpr size_t kProfileSizeMax = 2 * 1024;
constexpr uint32_t kCharactersMax = 65'535;

bool IsParameterName(std::string_view name) {
  return !name.empty() && name.size() <= kParameterNameSizeMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

bool IsPrefix(std::string_view text) {
  return text.size() <= 30 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '\r' || c == '\n' || c == '_' || c == ':' || c == '-';
         });
}

absl::StatusOr<SessionInputs> ReadInputs(const DocumentJson& json) {
  DocumentMembers members(
      json, "inputs",
      {"s3BucketName", "s3KeyPrefix", "s3EncryptionEnabled", "cloudWatchLogGroupName",
       "cloudWatchEncryptionEnabled", "cloudWatchStreamingEnabled", "kmsKeyId", "runAsEnabled",
       "runAsDefaultUser", "idleSessionTimeout", "maxSessionDuration", "shellProfile"});
  SessionInputs inputs;
  inputs.s3_bucket_name = members.Text("s3BucketName");
  inputs.s3_key_prefix = members.Text("s3KeyPrefix");
  inputs.s3_encryption_enabled = members.Flag("s3EncryptionEnabled");
  inputs.cloudwatch_log_group_name = members.Text("cloudWatchLogGroupName");
  inputs.cloudwatch_encryption_enabled = members.Flag("cloudWatchEncryptionEnabled");
  inputs.cloudwatch_streaming_enabled = members.StrictFlag("cloudWatchStreamingEnabled");
  inputs.kms_key_id = members.Text("kmsKeyId", 2048);
  inputs.run_as_enabled = members.Flag("runAsEnabled");
  inputs.run_as_default_user = members.Text("runAsDefaultUser", 64);
  const uint32_t idle_default = inputs.idle_minutes_max;
  inputs.idle_minutes_max = members.Number("idleSessionTimeout", 1, 60).value_or(idle_default);
  inputs.duration_minutes_max = members.Number("maxSessionDuration", 1, 1440).value_or(0);
  if (inputs.run_as_default_user == "root") {
    members.Fail("runAsDefaultUser", "must not be root: sessions never run as root");
  }
  if (const DocumentJson* profile = members.Map("shellProfile")) {
    DocumentMembers texts(*profile, "inputs.shellProfile", {"linux", "windows"});
    inputs.linux_profile = texts.Text("linux", kProfileSizeMax);
    inputs.windows_profile = texts.Text("windows", kProfileSizeMax);
    if (!texts.ok()) return texts.status();
  }
  if (!members.ok()) return members.status();
  return inputs;
}

absl::StatusOr<DocumentParameter> ReadParameter(const std::string& name, const DocumentJson& json) {
  DocumentMembers members(json, "parameters." + name.substr(0, kParameterNameSizeMax),
                          {"type", "description", "default", "allowedPattern", "allowedValues",
                           "minChars", "maxChars", "minItems", "maxItems", "displayType"});
  if (!IsParameterName(name)) members.Fail("", "must have a name of A-Z a-z 0-9 _ - . alone");
  DocumentParameter parameter;
  parameter.name = name;
  const std::string type = members.Required("type");
  parameter.is_list = type == "StringList";
  if (members.ok() && !parameter.is_list && type != "String" && type != "string") {
    members.Fail("type", "must be String or StringList");
  }
  parameter.description = members.Text("description", 4096);
  parameter.display_type = members.Text("displayType");
  const std::string pattern = members.Text("allowedPattern", ValuePattern::kSizeMax);
  parameter.allowed_values = members.Texts("allowedValues", kAllowedValuesMax);
  parameter.chars_min = members.Number("minChars", 0, kCharactersMax);
  parameter.chars_max = members.Number("maxChars", 0, kCharactersMax);
  parameter.items_min = members.Number("minItems", 0, kCharactersMax);
  parameter.items_max = members.Number("maxItems", 0, kCharactersMax);
  if (!pattern.empty()) {
    absl::StatusOr<ValuePattern> compiled = ValuePattern::Compile(pattern);
    if (compiled.ok()) {
      parameter.allowed_pattern = *std::move(compiled);
    } else {
      members.Fail("allowedPattern", "cannot be used: " + std::string(compiled.status().message()) +
                                         "; it is a regular expression without look-around and "
                                         "back references");
    }
  }
  if (const DocumentJson* value = members.Find("default")) {
    const bool is_list = value->is_array();
    if (is_list && !parameter.is_list) members.Fail("default", "must be a text, as the type says");
    parameter.default_value =
        is_list ? members.Texts("default", kAllowedValuesMax)
                : std::vector<std::string>{members.Text("default", kParameterValueSizeMax)};
    if (!members.ok()) return members.status();
    if (absl::Status status = CheckValues(parameter, *parameter.default_value); !status.ok()) {
      members.Fail("default",
                   "is refused by the definition itself: " + std::string(status.message()));
    }
  }
  if (!members.ok()) return members.status();
  return parameter;
}

absl::StatusOr<PortProperties> ReadPort(const DocumentJson& json) {
  DocumentMembers members(
      json, "properties",
      {"portNumber", "localPortNumber", "host", "type", "localUnixSocket", "localConnectionType"});
  PortProperties port;
  port.port_number = members.Required("portNumber");
  port.local_port_number = members.Text("localPortNumber");
  port.host = members.Text("host");
  port.type = members.Text("type");
  port.local_unix_socket = members.Text("localUnixSocket");
  port.local_connection_type = members.Text("localConnectionType");
  if (!port.type.empty() && port.type != "LocalPortForwarding") {
    members.Fail("type", "must be LocalPortForwarding or absent");
  }
  if (!members.ok()) return members.status();
  return port;
}

absl::StatusOr<CommandProperties> ReadCommand(const DocumentJson& json, const std::string& where) {
  DocumentMembers members(json, where,
                          {"commands", "runAsElevated", "separateOutputStream",
                           "stdOutSeparatorPrefix", "stdErrSeparatorPrefix"});
  CommandProperties command;
  if (members.ok() && members.Find("commands") == nullptr) members.Fail("commands", "is missing");
  command.commands = members.Text("commands", kCommandSizeMax);
  command.run_as_elevated = members.Flag("runAsElevated");
  command.separate_output_stream = members.Flag("separateOutputStream");
  command.std_out_separator_prefix = members.Text("stdOutSeparatorPrefix");
  command.std_err_separator_prefix = members.Text("stdErrSeparatorPrefix");
  for (const char* name : {"stdOutSeparatorPrefix", "stdErrSeparatorPrefix"}) {
    if (members.ok() && !IsPrefix(members.Text(name))) {
      members.Fail(name, "may have 30 characters of 0-9 a-z A-Z _ : - and line ends");
    }
  }
  if (members.ok() && command.commands.empty()) members.Fail("commands", "must not be empty");
  if (!members.ok()) return members.status();
  return command;
}

// CheckTexts looks at every placeholder below `json`: it must be declared, and a list may stand in
// commands only.
absl::Status CheckTexts(const DocumentJson& json, const std::string& where,
                        const SessionDocument& document) {
  if (json.is_structured()) {
    for (const auto& [name, member] : json.items()) {
      const std::string place = (where.empty() ? name : where + "." + name).substr(0, 256);
      if (absl::Status status = CheckTexts(member, place, document); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (!json.is_string()) return absl::OkStatus();
  const auto pieces = SplitPlaceholders(json.get_ref<const std::string&>());
  if (!pieces.ok()) {
    return absl::InvalidArgumentError(where + ": " + std::string(pieces.status().message()) + ".");
  }
  for (const TextPiece& piece : *pieces) {
    if (!piece.is_placeholder) continue;
    const auto known = std::ranges::find(document.parameters, piece.text, &DocumentParameter::name);
    if (known == document.parameters.end()) {
      return absl::InvalidArgumentError(where + ": {{ " + piece.text +
                                        " }} is not a declared parameter.");
    }
    if (known->is_list && !where.ends_with(".commands")) {
      return absl::InvalidArgumentError(where + ": {{ " + piece.text +
                                        " }} is a StringList, which may stand in commands only.");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadProperties(const DocumentJson* json, SessionDocument& document) {
  if (document.type == SessionType::kStandardStream) {
    document.platforms = {"Windows", "Linux", "MacOS"};
    if (json == nullptr) return absl::OkStatus();
    // AWS takes the commands of a Standard_Stream document as a shell's; there are none here.
    return DocumentMembers(*json, "properties", {}).status();
  }
  if (json == nullptr) return absl::InvalidArgumentError("properties is missing.");
  if (document.type == SessionType::kPort) {
    absl::StatusOr<PortProperties> port = ReadPort(*json);
    if (!port.ok()) return port.status();
    document.port = *std::move(port);
    document.platforms = {"Windows", "Linux", "MacOS"};
    return absl::OkStatus();
  }
  DocumentMembers members(*json, "properties", {"linux", "windows", "macos"});
  constexpr std::pair<const char*, const char*> kPlatforms[] = {
      {"windows", "Windows"}, {"linux", "Linux"}, {"macos", "MacOS"}};
  for (const auto& [name, platform] : kPlatforms) {
    const DocumentJson* map = members.Map(name);
    if (map == nullptr) continue;
    absl::StatusOr<CommandProperties> command =
        ReadCommand(*map, std::string("properties.") + name);
    if (!command.ok()) return command.status();
    document.platforms.emplace_back(platform);
    if (std::string_view(name) == "linux") document.linux_commands = *std::move(command);
  }
  if (members.ok() && document.platforms.empty()) {
    members.Fail("", "must have the commands of linux, windows or macos");
  }
  return members.status();
}

// A line that cannot be split is found when the document is made, not when somebody needs it.
absl::Status CheckSplits(const SessionDocument& document) {
  if (document.type != SessionType::kNonInteractiveCommands ||
      !document.linux_commands.has_value() ||
      !WholePlaceholder(document.linux_commands->commands).empty()) {
    return absl::OkStatus();
  }
  ParameterValues values;
  for (const DocumentParameter& parameter : document.parameters) values[parameter.name] = {"x"};
  const absl::Status status = FillWords(document.linux_commands->commands, values).status();
  if (status.ok()) return status;
  return absl::InvalidArgumentError("properties.linux.commands: " + std::string(status.message()) +
                                    ".");
}

}  // namespace

std::string_view SessionTypeText(SessionType type) {
  switch (type) {
    case SessionType::kStandardStream:
      return "Standard_Stream";
    case SessionType::kInteractiveCommands:
      return "InteractiveCommands";
    case SessionType::kNonInteractiveCommands:
      return "NonInteractiveCommands";
    case SessionType::kPort:
      return "Port";
  }
  return "";
}

absl::StatusOr<SessionDocument> ParseSessionDocument(DocumentFormat format, std::string_view text) {
  const absl::StatusOr<DocumentJson> json = ReadDocumentText(format, text);
  if (!json.ok()) return json.status();
  return ReadSessionDocument(*json);
}

absl::StatusOr<SessionDocument> ReadSessionDocument(const DocumentJson& json) {
  DocumentMembers members(
      json, "",
      {"schemaVersion", "description", "sessionType", "inputs", "parameters", "properties"});
  const std::string version = members.Required("schemaVersion");
  if (!members.ok()) return members.status();
  if (version != "1.0") {
    return absl::UnimplementedError("schemaVersion must be 1.0, which session documents have.");
  }
  SessionDocument document;
  document.description = members.Text("description", 4096);
  const std::string type = members.Required("sessionType");
  bool is_known = false;
  for (const SessionType known : {SessionType::kStandardStream, SessionType::kInteractiveCommands,
                                  SessionType::kNonInteractiveCommands, SessionType::kPort}) {
    if (type != SessionTypeText(known)) continue;
    document.type = known;
    is_known = true;
  }
  if (members.ok() && !is_known) {
    members.Fail("sessionType",
                 "must be Standard_Stream, InteractiveCommands, NonInteractiveCommands or Port");
  }
  if (const DocumentJson* parameters = members.Map("parameters")) {
    if (parameters->size() > kParametersMax) members.Fail("parameters", "may be 64 at most");
    for (const auto& [name, definition] : parameters->items()) {
      if (!members.ok()) break;
      absl::StatusOr<DocumentParameter> parameter = ReadParameter(name, definition);
      if (!parameter.ok()) return parameter.status();
      document.parameters.push_back(*std::move(parameter));
    }
  }
  if (const DocumentJson* inputs = members.Map("inputs")) {
    if (absl::Status status = CheckTexts(*inputs, "inputs", document); !status.ok()) return status;
    absl::StatusOr<SessionInputs> read = ReadInputs(*inputs);
    if (!read.ok()) return read.status();
    document.inputs = *std::move(read);
  }
  if (members.ok() && document.type == SessionType::kStandardStream && !document.inputs) {
    members.Fail("inputs", "is missing, and Standard_Stream needs it");
  }
  const DocumentJson* properties = members.Map("properties");
  if (!members.ok()) return members.status();
  if (properties != nullptr) {
    const absl::Status status = CheckTexts(*properties, "properties", document);
    if (!status.ok()) return status;
  }
  absl::Status status = ReadProperties(properties, document);
  if (status.ok()) status = CheckSplits(document);
  if (!status.ok()) return status;
  return document;
}

}  // namespace relay
