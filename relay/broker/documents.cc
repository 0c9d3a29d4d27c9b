#include "relay/broker/documents.h"

#include <algorithm>
#include <span>

#include "engine/base/check.h"

namespace relay {
namespace {

constexpr size_t kCommandSizeMax = 8 * 1024;  // It travels in one control message.
constexpr size_t kHostSizeMax = 253;          // RFC 1035, in text form.
constexpr size_t kDescriptionSizeMax = 256;

struct Parameter {
  std::string_view name;
  const char* default_value;  // nullptr: it must be given.
  bool (*valid)(std::string_view);
};

bool IsPort(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return false;
  uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  return port <= 65535;
}

// The local port is the client's business; 0 lets it choose.
bool IsLocalPort(std::string_view text) { return text.empty() || text == "0" || IsPort(text); }

bool IsHost(std::string_view text) {
  if (text.empty() || text.size() > kHostSizeMax || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

bool IsCommand(std::string_view text) {
  return !text.empty() && text.size() <= kCommandSizeMax &&
         text.find('\0') == std::string_view::npos;
}

constexpr Parameter kCommandParameters[] = {{"command", nullptr, IsCommand}};
constexpr Parameter kPortParameters[] = {{"localPortNumber", "", IsLocalPort},
                                         {"portNumber", "80", IsPort}};
constexpr Parameter kHostParameters[] = {
    {"host", nullptr, IsHost}, {"localPortNumber", "", IsLocalPort}, {"portNumber", "80", IsPort}};

uint16_t ToPort(const std::string& text) {
  uint32_t port = 0;
  for (const char c : text) port = port * 10 + static_cast<uint32_t>(c - '0');
  return static_cast<uint16_t>(port);
}

using Values = std::map<std::string, std::string, std::less<>>;

struct Document {
  std::string_view name;
  std::span<const Parameter> parameters;
  SessionPlan (*fill)(Values&);
  CarriageRule carriages = CarriageRule::kEither;
};

constexpr Document kDocuments[] = {
    {kShellDocument, {}, [](Values&) { return SessionPlan{}; }},
    {"AWS-StartNonInteractiveCommand", kCommandParameters,
     [](Values& v) { return SessionPlan{.kind = SessionKind::kExec, .command = v["command"]}; }},
    {"AWS-StartInteractiveCommand", kCommandParameters,
     [](Values& v) {
       return SessionPlan{
           .kind = SessionKind::kExec, .command = v["command"], .with_terminal = true};
     }},
    {"AWS-StartPortForwardingSession", kPortParameters,
     [](Values& v) {
       return SessionPlan{
           .kind = SessionKind::kTcp, .host = "localhost", .port = ToPort(v["portNumber"])};
     }},
    {"AWS-StartPortForwardingSessionToRemoteHost", kHostParameters,
     [](Values& v) {
       return SessionPlan{
           .kind = SessionKind::kTcp, .host = v["host"], .port = ToPort(v["portNumber"])};
     }},
};

// NameOf takes the name out of arn:aws:ssm:REGION:ACCOUNT:document/NAME.
std::string_view NameOf(std::string_view name) {
  if (name.empty()) return kShellDocument;
  constexpr std::string_view kMark = ":document/";
  if (!name.starts_with("arn:")) return name;
  const size_t at = name.find(kMark);
  return at == std::string_view::npos ? name : name.substr(at + kMark.size());
}

const Document* FindDocument(std::string_view name) {
  const auto* found = std::ranges::find(kDocuments, NameOf(name), &Document::name);
  return found == std::end(kDocuments) ? nullptr : found;
}

absl::StatusOr<Values> CheckParameters(const Document& document,
                                       const DocumentParameters& parameters) {
  Values values;
  for (const auto& [name, list] : parameters) {
    const auto known =
        std::find_if(document.parameters.begin(), document.parameters.end(),
                     [&name = name](const Parameter& parameter) { return parameter.name == name; });
    if (known == document.parameters.end()) {
      return absl::InvalidArgumentError("Parameter \"" + name.substr(0, kDescriptionSizeMax) +
                                        "\" is not defined in document " +
                                        std::string(document.name) + ".");
    }
    if (list.size() != 1) {
      return absl::InvalidArgumentError("Parameter \"" + name + "\" must have one value.");
    }
    if (!known->valid(list.front())) {
      return absl::InvalidArgumentError("Parameter \"" + name + "\" with value \"" +
                                        list.front().substr(0, kDescriptionSizeMax) +
                                        "\" does not match what the document allows.");
    }
    values.emplace(name, list.front());
  }
  for (const Parameter& parameter : document.parameters) {
    if (values.contains(parameter.name)) continue;
    if (parameter.default_value == nullptr) {
      return absl::InvalidArgumentError("Parameter \"" + std::string(parameter.name) +
                                        "\" requires a value.");
    }
    values.emplace(parameter.name, parameter.default_value);
  }
  return values;
}

}  // namespace

absl::StatusOr<SessionPlan> ResolveDocument(std::string_view name,
                                            const DocumentParameters& parameters) {
  const Document* document = FindDocument(name);
  if (document == nullptr) {
    return absl::NotFoundError("Document with name " + std::string(NameOf(name)) +
                               " does not exist.");
  }
  absl::StatusOr<Values> values = CheckParameters(*document, parameters);
  if (!values.ok()) return values.status();
  return document->fill(*values);
}

CarriageRule CarriagesOf(std::string_view document) {
  const Document* found = FindDocument(document);
  CHECK(found != nullptr);
  return found->carriages;
}

absl::StatusOr<Carriage> ChooseCarriage(CarriageRule rule, std::optional<Carriage> asked) {
  const Carriage chosen = asked.value_or(Carriage::kInspected);
  if (chosen == Carriage::kSealed && rule == CarriageRule::kInspectedOnly) {
    return absl::FailedPreconditionError(
        "The document wants its sessions to be seen by the relay; ask for an inspected one.");
  }
  if (chosen == Carriage::kInspected && rule == CarriageRule::kSealedOnly) {
    return absl::FailedPreconditionError(
        "The document wants its sessions to be sealed from the relay; ask for a sealed one.");
  }
  return chosen;
}

}  // namespace relay
