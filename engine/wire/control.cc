#include "engine/wire/control.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <span>
#include <utility>

#include "engine/wire/json_members.h"

namespace engine {
namespace json {

// Members in the order of control.h.
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
             .Number("lane", out.lane, 0, kVersionMax)
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
      .Limits(out.limits)
      .Size(out.size)
      .Text("terminal", out.terminal, kTerminalMax)
      .Text("profile", out.profile, kAnyMax)
      .Object("key", out.key)
      .ok();
}

bool Read(const Json& json, ExecRequest& out) {
  return Reader(json)
             .Text("session_id", out.session_id)
             .Text("principal", out.principal, kAnyMax)
             .Text("run_as", out.run_as)
             .Limits(out.limits)
             .Texts("arguments", out.arguments, kCommandArgumentsMax, kAnyMax)
             .Flag("with_terminal", out.with_terminal)
             .Size(out.size)
             .Text("terminal", out.terminal, kTerminalMax)
             .Object("key", out.key)
             .ok() &&
         !out.arguments.empty() && !out.arguments[0].empty();
}

bool Read(const Json& json, TcpRequest& out) {
  return Reader(json)
             .Text("session_id", out.session_id)
             .Text("principal", out.principal, kAnyMax)
             .Limits(out.limits)
             .Text("host", out.host, kHostMax)
             .Required("port")
             .Number("port", out.port, 1, 65'535)
             .Flag("may_be_link_local", out.may_be_link_local)
             .ok() &&
         !out.host.empty();
}

bool Read(const Json& json, GrantedRequest& out) {
  return Reader(json)
      .Text("session_id", out.session_id)
      .Text("principal", out.principal, kAnyMax)
      .Size(out.size)
      .Text("terminal", out.terminal, kTerminalMax)
      .Object("key", out.key)
      .ok();
}

void Write(Json& json, const Hello& hello) {
  json["version"] = hello.version;
  json["version_min"] = hello.version_min;
  if (!hello.features.empty()) json["features"] = hello.features;
  Put(json, "software", hello.software);
  json["role"] = hello.role;
  Put(json, "session_id", hello.session_id);
  Put(json, "session_token", hello.session_token);
  Put(json, "node_name", hello.node_name);
  Put(json, "platform", hello.platform);
  if (hello.lane != 0) json["lane"] = hello.lane;
}

void Write(Json& json, const Resize& resize) { Put(json, resize.size); }

void Write(Json& json, const Signal& signal) { json["name"] = signal.name; }

void Write(Json& json, const Exit& exit) {
  json["status"] = exit.status;
  Put(json, "signal", exit.signal);
}

void Write(Json& json, const RenewCertificate& message) {
  json["request_pem"] = message.request_pem;
}

void Write(Json& json, const CertificateRenewed& message) {
  json["certificate_pem"] = message.certificate_pem;
}

void Write(Json& json, const Notice& notice) { json["text"] = notice.text; }

void Write(Json& json, const ShellRequest& request) {
  Put(json, "run_as", request.run_as);
  Put(json, request.limits);
  Put(json, request.size);
  Put(json, "terminal", request.terminal);
  Put(json, "profile", request.profile);
  Put(json, "key", request.key);
}

void Write(Json& json, const ExecRequest& request) {
  Put(json, "run_as", request.run_as);
  Put(json, request.limits);
  json["arguments"] = request.arguments;
  json["with_terminal"] = request.with_terminal;
  Put(json, request.size);
  Put(json, "terminal", request.terminal);
  Put(json, "key", request.key);
}

void Write(Json& json, const TcpRequest& request) {
  Put(json, request.limits);
  json["host"] = request.host;
  json["port"] = request.port;
  if (request.may_be_link_local) json["may_be_link_local"] = true;
}

void Write(Json& json, const GrantedRequest& request) {
  Put(json, request.size);
  Put(json, "terminal", request.terminal);
  Put(json, "key", request.key);
}

namespace {

// The member "type" of each message, in the order of the variants in control.h.
constexpr std::string_view kControlTypes[] = {"hello",
                                              "resize",
                                              "signal",
                                              "exit",
                                              "renew-certificate",
                                              "certificate-renewed",
                                              "notice",
                                              "session-offer",
                                              "session-answer",
                                              "lane-offer",
                                              "session-stop",
                                              "session-over",
                                              "stream-news",
                                              "join",
                                              "joined",
                                              "data-key-request",
                                              "data-key-answer",
                                              "resume",
                                              "resumed",
                                              "session-check",
                                              "lanes-lost"};
constexpr std::string_view kOpenTypes[] = {"shell", "exec", "tcp", "granted"};
static_assert(std::size(kControlTypes) == std::variant_size_v<ControlMessage>);
static_assert(std::size(kOpenTypes) == std::variant_size_v<OpenRequest>);

template <class Variant>
void WriteAny(Json& json, const Variant& message) {
  std::visit([&json](const auto& m) { Write(json, m); }, message);
}

// ReadType reads the message whose name stands at the place `index` of its variant.
template <class Variant, size_t... kIndex>
bool ReadType(size_t index, const Json& json, Variant& out, std::index_sequence<kIndex...>) {
  return ((index == kIndex && ReadAs<std::variant_alternative_t<kIndex, Variant>>(json, out)) ||
          ...);
}

template <class Variant>
bool DecodeAs(std::string_view text, size_t size_max, std::span<const std::string_view> types,
              Variant& out) {
  const Json object = ParseObject(text, size_max);
  const auto found = std::ranges::find(types, TypeOf(object));
  if (found == types.end()) return false;
  return ReadType(static_cast<size_t>(found - types.begin()), object, out,
                  std::make_index_sequence<std::variant_size_v<Variant>>());
}

}  // namespace
}  // namespace json

uint32_t AgreedVersion(const Hello& ours, const Hello& theirs) {
  const uint32_t newest = std::min(ours.version, theirs.version);
  return newest >= std::max(ours.version_min, theirs.version_min) ? newest : 0;
}

bool HasFeature(const Hello& hello, std::string_view name) {
  return std::ranges::find(hello.features, name) != hello.features.end();
}

std::string Encode(const ControlMessage& message) {
  json::Json object = json::Json::object();
  object["type"] = json::kControlTypes[message.index()];
  json::WriteAny(object, message);
  return json::Dump(object);
}

bool Decode(std::string_view text, ControlMessage& out) {
  return json::DecodeAs(text, kControlSizeMax, json::kControlTypes, out);
}

std::string EncodeOpen(const OpenRequest& request) {
  json::Json object = json::Json::object();
  object["type"] = json::kOpenTypes[request.index()];
  std::visit(
      [&object](const auto& m) {
        json::Put(object, "session_id", m.session_id);
        json::Put(object, "principal", m.principal);
      },
      request);
  json::WriteAny(object, request);
  return json::Dump(object);
}

bool DecodeOpen(std::string_view text, OpenRequest& out) {
  return json::DecodeAs(text, kOpenRequestMax, json::kOpenTypes, out);
}

}  // namespace engine
