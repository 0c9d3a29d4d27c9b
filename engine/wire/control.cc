#include "engine/wire/control.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

namespace engine {
namespace {

using Json = nlohmann::json;

// Maxima of single members, in bytes. The message as a whole is bounded by its frame; these keep
// what is logged or stored per link small.
constexpr size_t kNameMax = 256;  // Roles, names, ids, platforms.
constexpr size_t kTokenMax = 4096;
constexpr size_t kHostMax = 255;  // RFC 1035, section 2.3.4.
constexpr size_t kTerminalMax = 64;
constexpr size_t kSignalMax = 16;
constexpr size_t kFeaturesMax = 64;
constexpr size_t kAnyMax = kControlSizeMax;

// IsShallow is true when no object or array is nested deeper than kJsonDepthMax. It runs before the
// parser, so that foreign text cannot make the parser build a deep tree.
bool IsShallow(std::string_view json) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return false;
    }
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return true;
}

// Reader takes members out of one object and remembers whether all of them were legal. A member
// that is absent keeps its default; Required says that it must be there.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  bool ok() const { return ok_; }

  Reader& Required(const char* name) {
    if (!object_.contains(name)) ok_ = false;
    return *this;
  }

  Reader& Text(const char* name, std::string& out, size_t size_max = kNameMax) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    const std::string* text = member->get_ptr<const std::string*>();
    if (!IsLegalText(text, size_max)) return Fail();
    out = *text;
    return *this;
  }

  Reader& Texts(const char* name, std::vector<std::string>& out, size_t count_max,
                size_t size_max) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    if (!member->is_array() || member->size() > count_max) return Fail();
    out.clear();
    for (const Json& element : *member) {
      const std::string* text = element.get_ptr<const std::string*>();
      if (!IsLegalText(text, size_max)) return Fail();
      out.push_back(*text);
    }
    return *this;
  }

  template <class Integer>
  Reader& Number(const char* name, Integer& out, uint64_t min, uint64_t max) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    const uint64_t* number = member->get_ptr<const Json::number_unsigned_t*>();
    if (number == nullptr || *number < min || *number > max) return Fail();
    out = static_cast<Integer>(*number);
    return *this;
  }

  Reader& Flag(const char* name, bool& out) {
    const Json* member = Find(name);
    if (member == nullptr) return *this;
    const bool* flag = member->get_ptr<const bool*>();
    if (flag == nullptr) return Fail();
    out = *flag;
    return *this;
  }

  Reader& Size(TerminalSize& out) {
    Number("columns", out.columns, 0, kTerminalCellsMax);
    return Number("rows", out.rows, 0, kTerminalCellsMax);
  }

 private:
  static bool IsLegalText(const std::string* text, size_t size_max) {
    return text != nullptr && text->size() <= size_max && text->find('\0') == std::string::npos;
  }
  const Json* Find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  Reader& Fail() {
    ok_ = false;
    return *this;
  }

  const Json& object_;
  bool ok_ = true;
};

// ParseObject returns a discarded value unless `json` is one object within its maxima.
Json ParseObject(std::string_view json, size_t size_max) {
  const Json discarded(Json::value_t::discarded);
  if (json.size() > size_max || !IsShallow(json)) return discarded;
  Json parsed = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  return parsed.is_object() ? parsed : discarded;
}

// Put leaves empty texts out: absent and empty mean the same.
void Put(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}
void Put(Json& json, const TerminalSize& size) {
  json["columns"] = size.columns;
  json["rows"] = size.rows;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// Read functions: one per message, named members in the order of control.h.
bool Read(const Json& json, Hello& out) {
  constexpr uint64_t kVersionMax = std::numeric_limits<uint32_t>::max();
  return Reader(json)
             .Required("version")
             .Required("version_min")
             .Required("role")
             .Number("version", out.version, 1, kVersionMax)
             .Number("version_min", out.version_min, 1, kVersionMax)
             .Texts("features", out.features, kFeaturesMax, kNameMax)
             .Text("software", out.software)
             .Text("role", out.role)
             .Text("session_id", out.session_id)
             .Text("session_token", out.session_token, kTokenMax)
             .Text("node_name", out.node_name)
             .Text("platform", out.platform)
             .ok() &&
         out.version_min <= out.version && !out.role.empty();
}

bool Read(const Json& json, Resize& out) {
  return Reader(json).Required("columns").Required("rows").Size(out.size).ok();
}

bool Read(const Json& json, Signal& out) {
  return Reader(json).Text("name", out.name, kSignalMax).ok() && !out.name.empty();
}

bool Read(const Json& json, Exit& out) {
  return Reader(json)
      .Required("status")
      .Number("status", out.status, 0, 255)
      .Text("signal", out.signal, kSignalMax)
      .ok();
}

bool Read(const Json& json, RenewCertificate& out) {
  return Reader(json).Text("request_pem", out.request_pem, kAnyMax).ok() &&
         !out.request_pem.empty();
}

bool Read(const Json& json, CertificateRenewed& out) {
  return Reader(json).Text("certificate_pem", out.certificate_pem, kAnyMax).ok() &&
         !out.certificate_pem.empty();
}

bool Read(const Json& json, Notice& out) {
  return Reader(json).Required("text").Text("text", out.text, kAnyMax).ok();
}

bool Read(const Json& json, ShellRequest& out) {
  return Reader(json)
      .Text("session_id", out.session_id)
      .Text("principal", out.principal, kAnyMax)
      .Text("run_as", out.run_as)
      .Size(out.size)
      .Text("terminal", out.terminal, kTerminalMax)
      .ok();
}

bool Read(const Json& json, ExecRequest& out) {
  return Reader(json)
             .Text("session_id", out.session_id)
             .Text("principal", out.principal, kAnyMax)
             .Text("run_as", out.run_as)
             .Texts("arguments", out.arguments, kCommandArgumentsMax, kAnyMax)
             .Flag("with_terminal", out.with_terminal)
             .Size(out.size)
             .Text("terminal", out.terminal, kTerminalMax)
             .ok() &&
         !out.arguments.empty() && !out.arguments[0].empty();
}

bool Read(const Json& json, TcpRequest& out) {
  return Reader(json)
             .Text("session_id", out.session_id)
             .Text("principal", out.principal, kAnyMax)
             .Text("host", out.host, kHostMax)
             .Required("port")
             .Number("port", out.port, 1, 65'535)
             .ok() &&
         !out.host.empty();
}

// ReadAs moves a legal message into `out` and leaves `out` alone otherwise.
template <class Message, class Variant>
bool ReadAs(const Json& json, Variant& out) {
  Message message;
  if (!Read(json, message)) return false;
  out = std::move(message);
  return true;
}

// TypeOf returns the member "type", or an empty text, which is no type.
std::string TypeOf(const Json& json) {
  std::string type;
  if (!json.is_object()) return type;
  return Reader(json).Text("type", type).ok() ? type : std::string();
}

}  // namespace

uint32_t AgreedVersion(const Hello& ours, const Hello& theirs) {
  const uint32_t newest = std::min(ours.version, theirs.version);
  return newest >= std::max(ours.version_min, theirs.version_min) ? newest : 0;
}

std::string Encode(const ControlMessage& message) {
  Json json = Json::object();
  std::visit(
      [&json](const auto& m) {
        using Message = std::decay_t<decltype(m)>;
        if constexpr (std::is_same_v<Message, Hello>) {
          json["type"] = "hello";
          json["version"] = m.version;
          json["version_min"] = m.version_min;
          if (!m.features.empty()) json["features"] = m.features;
          Put(json, "software", m.software);
          json["role"] = m.role;
          Put(json, "session_id", m.session_id);
          Put(json, "session_token", m.session_token);
          Put(json, "node_name", m.node_name);
          Put(json, "platform", m.platform);
        } else if constexpr (std::is_same_v<Message, Resize>) {
          json["type"] = "resize";
          Put(json, m.size);
        } else if constexpr (std::is_same_v<Message, Signal>) {
          json["type"] = "signal";
          json["name"] = m.name;
        } else if constexpr (std::is_same_v<Message, Exit>) {
          json["type"] = "exit";
          json["status"] = m.status;
          Put(json, "signal", m.signal);
        } else if constexpr (std::is_same_v<Message, RenewCertificate>) {
          json["type"] = "renew-certificate";
          json["request_pem"] = m.request_pem;
        } else if constexpr (std::is_same_v<Message, CertificateRenewed>) {
          json["type"] = "certificate-renewed";
          json["certificate_pem"] = m.certificate_pem;
        } else if constexpr (std::is_same_v<Message, Notice>) {
          json["type"] = "notice";
          json["text"] = m.text;
        } else {
          static_assert(sizeof(Message) == 0, "a message without an encoding");
        }
      },
      message);
  return Dump(json);
}

bool Decode(std::string_view json, ControlMessage& out) {
  const Json object = ParseObject(json, kControlSizeMax);
  const std::string type = TypeOf(object);
  if (type == "hello") return ReadAs<Hello>(object, out);
  if (type == "resize") return ReadAs<Resize>(object, out);
  if (type == "signal") return ReadAs<Signal>(object, out);
  if (type == "exit") return ReadAs<Exit>(object, out);
  if (type == "renew-certificate") return ReadAs<RenewCertificate>(object, out);
  if (type == "certificate-renewed") return ReadAs<CertificateRenewed>(object, out);
  if (type == "notice") return ReadAs<Notice>(object, out);
  return false;
}

std::string EncodeOpen(const OpenRequest& request) {
  Json json = Json::object();
  std::visit(
      [&json](const auto& m) {
        using Request = std::decay_t<decltype(m)>;
        Put(json, "session_id", m.session_id);
        Put(json, "principal", m.principal);
        if constexpr (std::is_same_v<Request, ShellRequest>) {
          json["type"] = "shell";
          Put(json, "run_as", m.run_as);
          Put(json, m.size);
          Put(json, "terminal", m.terminal);
        } else if constexpr (std::is_same_v<Request, ExecRequest>) {
          json["type"] = "exec";
          Put(json, "run_as", m.run_as);
          json["arguments"] = m.arguments;
          json["with_terminal"] = m.with_terminal;
          Put(json, m.size);
          Put(json, "terminal", m.terminal);
        } else if constexpr (std::is_same_v<Request, TcpRequest>) {
          json["type"] = "tcp";
          json["host"] = m.host;
          json["port"] = m.port;
        } else {
          static_assert(sizeof(Request) == 0, "a request without an encoding");
        }
      },
      request);
  return Dump(json);
}

bool DecodeOpen(std::string_view json, OpenRequest& out) {
  const Json object = ParseObject(json, kOpenRequestMax);
  const std::string type = TypeOf(object);
  if (type == "shell") return ReadAs<ShellRequest>(object, out);
  if (type == "exec") return ReadAs<ExecRequest>(object, out);
  if (type == "tcp") return ReadAs<TcpRequest>(object, out);
  return false;
}

}  // namespace engine
