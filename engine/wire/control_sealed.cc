// The messages of sealed sessions, member by member.

#include <algorithm>
#include <limits>

#include "engine/wire/json_members.h"

namespace engine::json {
namespace {

constexpr uint64_t kLoopMax = 65'535;
constexpr uint64_t kBytesMax = std::numeric_limits<int64_t>::max();
constexpr size_t kKeyDigits = 64;  // A SHA-256 in hexadecimal digits.

bool IsKey(const std::string& text) {
  return text.size() == kKeyDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

bool Read(const Json& json, SessionOffer& out) {
  const bool ok =
      Reader(json)
          .Text("session_id", out.session_id)
          .Text("principal", out.principal, kAnyMax)
          .Text("run_as", out.run_as)
          .Text("client_key", out.client_key)
          .Text("join_token", out.join_token, kTokenMax)
          .Number("loop", out.loop, 0, kLoopMax)
          .Text("kind", out.kind)
          .Text("command", out.command, kAnyMax)
          .Flag("with_terminal", out.with_terminal)
          .Text("host", out.host, kHostMax)
          .Number("port", out.port, 0, 65'535)
          .Text("profile", out.profile, kAnyMax)
          .Flag("with_shell", out.with_shell)
          .Flag("may_be_link_local", out.may_be_link_local)
          .Number("idle_seconds_max", out.idle_seconds_max, 0, std::numeric_limits<uint32_t>::max())
          .Number("seconds_max", out.seconds_max, 0, std::numeric_limits<uint32_t>::max())
          .Text("resume_secret", out.resume_secret)
          .ok();
  const bool is_inspected = out.client_key.empty();
  if (!ok || out.session_id.empty() || out.join_token.empty() ||
      !IsKey(is_inspected ? out.resume_secret : out.client_key)) {
    return false;
  }
  if (out.kind == "tcp") return !out.host.empty() && out.port != 0;
  return out.kind == "shell" || (out.kind == "exec" && !out.command.empty());
}

void Write(Json& json, const SessionOffer& message) {
  Put(json, "session_id", message.session_id);
  Put(json, "principal", message.principal);
  Put(json, "run_as", message.run_as);
  Put(json, "client_key", message.client_key);
  Put(json, "join_token", message.join_token);
  json["loop"] = message.loop;
  Put(json, "kind", message.kind);
  Put(json, "command", message.command);
  json["with_terminal"] = message.with_terminal;
  Put(json, "host", message.host);
  json["port"] = message.port;
  Put(json, "profile", message.profile);
  if (message.with_shell) json["with_shell"] = true;
  if (message.may_be_link_local) json["may_be_link_local"] = true;
  json["idle_seconds_max"] = message.idle_seconds_max;
  json["seconds_max"] = message.seconds_max;
  Put(json, "resume_secret", message.resume_secret);
}

bool Read(const Json& json, SessionAnswer& out) {
  const bool ok = Reader(json)
                      .Text("session_id", out.session_id)
                      .Text("session_key", out.session_key)
                      .Text("node_key", out.node_key)
                      .Text("signature", out.signature)
                      .Text("error", out.error, kAnyMax)
                      .ok();
  return ok && !out.session_id.empty() &&
         (!out.error.empty() || out.session_key.empty() || IsKey(out.session_key));
}

void Write(Json& json, const SessionAnswer& message) {
  Put(json, "session_id", message.session_id);
  Put(json, "session_key", message.session_key);
  Put(json, "node_key", message.node_key);
  Put(json, "signature", message.signature);
  Put(json, "error", message.error);
}

bool Read(const Json& json, LaneOffer& out) {
  uint32_t lane = 0;
  const bool ok = Reader(json)
                      .Text("session_id", out.session_id)
                      .Text("join_token", out.join_token, kTokenMax)
                      .Number("loop", out.loop, 0, kLoopMax)
                      .Number("lane", lane, 0, std::numeric_limits<uint32_t>::max())
                      .ok();
  if (json.contains("lane")) out.lane = lane;
  return ok && !out.session_id.empty() && !out.join_token.empty();
}

void Write(Json& json, const LaneOffer& message) {
  Put(json, "session_id", message.session_id);
  Put(json, "join_token", message.join_token);
  json["loop"] = message.loop;
  if (message.lane.has_value()) json["lane"] = *message.lane;
}

bool Read(const Json& json, SessionStop& out) {
  return Reader(json).Text("session_id", out.session_id).Text("reason", out.reason, kAnyMax).ok() &&
         !out.session_id.empty();
}

void Write(Json& json, const SessionStop& message) {
  Put(json, "session_id", message.session_id);
  Put(json, "reason", message.reason);
}

bool Read(const Json& json, SessionOver& out) {
  return Reader(json)
             .Text("session_id", out.session_id)
             .Text("reason", out.reason, kAnyMax)
             .Number("to_node_bytes", out.to_node_bytes, 0, kBytesMax)
             .Number("from_node_bytes", out.from_node_bytes, 0, kBytesMax)
             .ok() &&
         !out.session_id.empty();
}

void Write(Json& json, const SessionOver& message) {
  Put(json, "session_id", message.session_id);
  Put(json, "reason", message.reason);
  json["to_node_bytes"] = message.to_node_bytes;
  json["from_node_bytes"] = message.from_node_bytes;
}

bool Read(const Json& json, SessionCheck& out) {
  return Reader(json).Text("session_id", out.session_id).ok() && !out.session_id.empty();
}

void Write(Json& json, const SessionCheck& message) { Put(json, "session_id", message.session_id); }

bool Read(const Json& json, LanesLost& out) {
  return Reader(json).Text("session_id", out.session_id).Text("join_token", out.join_token).ok() &&
         !out.session_id.empty();
}

void Write(Json& json, const LanesLost& message) {
  Put(json, "session_id", message.session_id);
  Put(json, "join_token", message.join_token);
}

bool Read(const Json& json, StreamNews& out) {
  return Reader(json)
             .Text("session_id", out.session_id)
             .Number("serial", out.serial, 0, std::numeric_limits<uint32_t>::max())
             .Flag("is_closed", out.is_closed)
             .Text("what", out.what, kAnyMax)
             .Text("outcome", out.outcome)
             .Number("to_node_bytes", out.to_node_bytes, 0, kBytesMax)
             .Number("from_node_bytes", out.from_node_bytes, 0, kBytesMax)
             .Number("duration_ms", out.duration_ms, 0, kBytesMax)
             .ok() &&
         !out.session_id.empty();
}

void Write(Json& json, const StreamNews& message) {
  Put(json, "session_id", message.session_id);
  json["serial"] = message.serial;
  json["is_closed"] = message.is_closed;
  Put(json, "what", message.what);
  Put(json, "outcome", message.outcome);
  json["to_node_bytes"] = message.to_node_bytes;
  json["from_node_bytes"] = message.from_node_bytes;
  json["duration_ms"] = message.duration_ms;
}

bool Read(const Json& json, Join& out) {
  return Reader(json).Text("token", out.token, kTokenMax).Flag("wrapped", out.is_wrapped).ok() &&
         !out.token.empty();
}

void Write(Json& json, const Join& message) {
  Put(json, "token", message.token);
  if (message.is_wrapped) json["wrapped"] = true;
}

bool Read(const Json&, Joined&) { return true; }

void Write(Json&, const Joined&) {}

bool Read(const Json& json, Resume& out) {
  return Reader(json)
             .Required("epoch")
             .Required("position")
             .Text("session_id", out.session_id)
             .Number("lane", out.lane, 0, std::numeric_limits<uint32_t>::max())
             .Number("epoch", out.epoch, 1, kBytesMax)
             .Number("position", out.position, 0, kBytesMax)
             .Text("proof", out.proof)
             .ok() &&
         !out.session_id.empty() && IsKey(out.proof);
}

void Write(Json& json, const Resume& message) {
  Put(json, "session_id", message.session_id);
  json["lane"] = message.lane;
  json["epoch"] = message.epoch;
  json["position"] = message.position;
  Put(json, "proof", message.proof);
}

bool Read(const Json& json, Resumed& out) {
  return Reader(json)
             .Required("position")
             .Number("position", out.position, 0, kBytesMax)
             .Text("proof", out.proof)
             .ok() &&
         IsKey(out.proof);
}

void Write(Json& json, const Resumed& message) {
  json["position"] = message.position;
  Put(json, "proof", message.proof);
}

}  // namespace engine::json
