#include "relay/documents/builtin_documents.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace relay {
namespace {

constexpr std::string_view kPort =
    "^([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    "$";
constexpr std::string_view kPortOrAny =
    "^([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    "$";
// A name or an address, and nothing that a shell or a URL could take for something else.
constexpr std::string_view kHost = "^[A-Za-z0-9_.:][A-Za-z0-9_.:-]{0,252}$";

DocumentJson TextParameter(std::string_view description) {
  return {{"type", "String"}, {"description", description}};
}

DocumentJson PatternParameter(std::string_view description, std::string_view pattern,
                              const char* default_value) {
  DocumentJson parameter = TextParameter(description);
  parameter["allowedPattern"] = pattern;
  if (default_value != nullptr) parameter["default"] = default_value;
  return parameter;
}

DocumentJson Document(std::string_view description, std::string_view type, DocumentJson parameters,
                      DocumentJson properties) {
  return {{"schemaVersion", "1.0"},
          {"description", description},
          {"sessionType", type},
          {"parameters", std::move(parameters)},
          {"properties", std::move(properties)}};
}

DocumentJson PortParameters(const char* port_default) {
  return {{"portNumber", PatternParameter("Port on the node", kPort, port_default)},
          {"localPortNumber",
           PatternParameter("Port on the client's machine; 0: any", kPortOrAny, "0")}};
}

DocumentJson ForwardProperties() {
  return {{"portNumber", "{{ portNumber }}"},
          {"type", "LocalPortForwarding"},
          {"localPortNumber", "{{ localPortNumber }}"}};
}

DocumentJson CommandDocument(std::string_view description, std::string_view type) {
  DocumentJson command = TextParameter("The command to run");
  command["minChars"] = 1;
  command["maxChars"] = kParameterValueSizeMax;
  const DocumentJson run = {{"commands", "{{ command }}"}, {"runAsElevated", false}};
  return Document(description, type, {{"command", command}},
                  {{"linux", run}, {"windows", run}, {"macos", run}});
}

DocumentJson ShellDocument() {
  return {{"schemaVersion", "1.0"},
          {"description", "Preferences of sessions, as they are when nobody made others"},
          {"sessionType", "Standard_Stream"},
          {"inputs",
           {{"s3BucketName", ""},
            {"s3KeyPrefix", ""},
            {"s3EncryptionEnabled", false},
            {"cloudWatchLogGroupName", ""},
            {"cloudWatchEncryptionEnabled", false},
            {"cloudWatchStreamingEnabled", false},
            {"kmsKeyId", ""},
            {"runAsEnabled", false},
            {"runAsDefaultUser", ""},
            {"idleSessionTimeout", "20"},
            {"maxSessionDuration", ""},
            {"shellProfile", {{"windows", ""}, {"linux", ""}}}}}};
}

DocumentJson RemoteHostDocument() {
  DocumentJson parameters = PortParameters("80");
  parameters["host"] =
      PatternParameter("A name or an address, as the node knows it", kHost, "localhost");
  DocumentJson properties = ForwardProperties();
  properties["host"] = "{{ host }}";
  return Document("Forwards a port to one of a host that the node can reach", "Port",
                  std::move(parameters), std::move(properties));
}

DocumentJson SocketDocument() {
  DocumentJson parameters = {
      {"portNumber", PatternParameter("Port on the node", kPort, nullptr)},
      {"localUnixSocket", TextParameter("The path of a socket on the client's machine")}};
  DocumentJson properties = {{"portNumber", "{{ portNumber }}"},
                             {"type", "LocalPortForwarding"},
                             {"localConnectionType", "unix"},
                             {"localUnixSocket", "{{ localUnixSocket }}"}};
  return Document("Forwards a socket to a port of the node", "Port", std::move(parameters),
                  std::move(properties));
}

DocumentJson SshDocument() {
  return Document("Connects ssh to the node", "Port",
                  {{"portNumber", PatternParameter("Port on the node", kPort, "22")}},
                  {{"portNumber", "{{ portNumber }}"}});
}

DocumentJson ForwardDocument() {
  return Document("Forwards a port to one of the node", "Port", PortParameters("80"),
                  ForwardProperties());
}

// Make reads what it wrote, as it would read anybody's.
BuiltinDocument Make(std::string_view name, const DocumentJson& json) {
  std::string content = WriteDocumentText(DocumentFormat::kJson, json);
  const absl::StatusOr<DocumentJson> read = ReadDocumentText(DocumentFormat::kJson, content);
  CHECK(read.ok());
  absl::StatusOr<SessionDocument> document = ReadSessionDocument(*read);
  CHECK(document.ok());
  return {name, std::move(content), *std::move(document)};
}

std::vector<BuiltinDocument> MakeAll() {
  std::vector<BuiltinDocument> all;
  all.push_back(Make("AWS-StartInteractiveCommand",
                     CommandDocument("Runs a command on a terminal", "InteractiveCommands")));
  all.push_back(Make("AWS-StartNonInteractiveCommand",
                     CommandDocument("Runs a command", "NonInteractiveCommands")));
  all.push_back(Make("AWS-StartPortForwardingSession", ForwardDocument()));
  all.push_back(Make("AWS-StartPortForwardingSessionToRemoteHost", RemoteHostDocument()));
  all.push_back(Make("AWS-StartPortForwardingSessionToSocket", SocketDocument()));
  all.push_back(Make("AWS-StartSSHSession", SshDocument()));
  all.push_back(Make(kShellDocument, ShellDocument()));
  return all;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

std::span<const BuiltinDocument> BuiltinDocuments() {
  static const std::vector<BuiltinDocument>* all = new std::vector<BuiltinDocument>(MakeAll());
  return *all;
}

const BuiltinDocument* FindBuiltinDocument(std::string_view name) {
  for (const BuiltinDocument& builtin : BuiltinDocuments()) {
    if (builtin.name == name) return &builtin;
  }
  return nullptr;
}

std::string_view DocumentNameOf(std::string_view name) {
  if (name.empty()) return kShellDocument;
  constexpr std::string_view kMark = ":document/";
  if (!name.starts_with("arn:")) return name;
  const size_t at = name.find(kMark);
  return at == std::string_view::npos ? name : name.substr(at + kMark.size());
}

bool IsReservedName(std::string_view name) {
  const std::string lower = Lower(name);
  return lower.starts_with("aws-") || lower.starts_with("amazon") || lower.starts_with("amzn");
}

}  // namespace relay
