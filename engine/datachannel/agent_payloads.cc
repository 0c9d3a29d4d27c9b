#include "engine/datachannel/agent_payloads.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "engine/base/check.h"
#include "engine/datachannel/json_object.h"

namespace engine::datachannel {
namespace {

constexpr size_t kTokenMax = 2048;
constexpr size_t kSmallPayloadMax = 1024;  // A terminal size, a session state.
// Terminals are not larger; a number beyond is a mistake or an attempt to make somebody allocate.
constexpr int64_t kCellsMax = 10'000;
constexpr int64_t kExitStatusMax = 255;

// An acknowledgement as real programs write it, around its four values.
constexpr std::string_view kAckType = R"({"AcknowledgedMessageType":")";
constexpr std::string_view kAckId = R"(","AcknowledgedMessageId":")";
constexpr std::string_view kAckSequence = R"(","AcknowledgedMessageSequenceNumber":)";
constexpr std::string_view kAckEnd = R"(,"IsSequentialMessage":)";

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// TakePlain takes the rest of a JSON string without escapes, up to its closing quote.
bool TakePlain(std::string_view& text) {
  const size_t end = text.find_first_of("\"\\");
  if (end == std::string_view::npos || text[end] != '"') return false;
  text.remove_prefix(end);
  return true;
}

// DecodeUsualAcknowledge reads exactly the form that real programs write.
bool DecodeUsualAcknowledge(std::string_view text, int64_t& out) {
  if (!TakePrefix(text, kAckType) || !TakePlain(text)) return false;
  if (!TakePrefix(text, kAckId) || !TakePlain(text)) return false;
  if (!TakePrefix(text, kAckSequence)) return false;
  int64_t sequence = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sequence);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!TakePrefix(text, kAckEnd)) return false;
  if (text != "true}" && text != "false}") return false;
  out = sequence;
  return true;
}

}  // namespace

std::string Encode(const OpenDataChannel& open) {
  Json json = {{"MessageSchemaVersion", "1.0"},
               {"RequestId", open.request_id},
               {"TokenValue", open.token},
               {"ClientId", open.client_id}};
  if (!open.client_instance_id.empty()) json["ClientInstanceId"] = open.client_instance_id;
  if (!open.client_version.empty()) json["ClientVersion"] = open.client_version;
  return DumpJson(json);
}

bool Decode(std::string_view text, OpenDataChannel& out) {
  const json::Json json = json::ParseObject(text, kOpenDataChannelSizeMax);
  JsonObject object(json);
  object.Text("RequestId", out.request_id)
      .Text("TokenValue", out.token, kTokenMax)
      .Text("ClientId", out.client_id)
      .Text("ClientVersion", out.client_version)
      .Text("ClientInstanceId", out.client_instance_id);
  return object.ok();
}

size_t EncodeAcknowledge(const Acknowledge& acknowledge, std::span<char> out) {
  CHECK(out.size() >= kAcknowledgeTextMax);
  char* at = out.data();
  const auto put = [&at](std::string_view text) { at = std::ranges::copy(text, at).out; };
  put(kAckType);
  put(Name(acknowledge.type));
  put(kAckId);
  std::array<char, kMessageIdTextSize> id;
  FormatMessageId(acknowledge.id, id);
  put({id.data(), id.size()});
  put(kAckSequence);
  const auto result = std::to_chars(at, out.data() + out.size(), acknowledge.sequence);
  CHECK(result.ec == std::errc());
  at = result.ptr;
  put(kAckEnd);
  put("true}");
  return static_cast<size_t>(at - out.data());
}

bool DecodeAcknowledge(ByteView payload, int64_t& out_sequence) {
  const std::string_view text = AsText(payload);
  if (DecodeUsualAcknowledge(text, out_sequence)) return true;
  const json::Json json = json::ParseObject(text, kAcknowledgeSizeMax);
  JsonObject object(json);
  const char* const kName = "AcknowledgedMessageSequenceNumber";
  return object.Find(kName) != nullptr && object.Number(kName, out_sequence).ok();
}

std::string Encode(const ChannelClosed& closed) {
  Json json = {{"MessageType", Name(MessageType::kChannelClosed)},
               {"MessageId", closed.message_id},
               {"DestinationId", closed.destination_id},
               {"SessionId", closed.session_id},
               {"SchemaVersion", 1},
               {"CreatedDate", closed.created},
               {"Output", closed.output}};
  if (closed.exit_status.has_value()) {
    json["AditExit"] = {{"Status", *closed.exit_status}, {"Signal", closed.exit_signal}};
  }
  return DumpJson(json);
}

bool Decode(ByteView payload, ChannelClosed& out) {
  const json::Json json = json::ParseObject(AsText(payload), kChannelClosedSizeMax);
  JsonObject object(json);
  object.Text("MessageId", out.message_id)
      .Text("DestinationId", out.destination_id)
      .Text("SessionId", out.session_id)
      .Text("CreatedDate", out.created)
      .Text("Output", out.output, kChannelOutputMax);
  const json::Json* exit = object.Find("AditExit");
  if (exit != nullptr && exit->is_object()) {
    int64_t status = -1;
    const bool is_read =
        JsonObject(*exit).Number("Status", status).Text("Signal", out.exit_signal).ok();
    if (!is_read || status < 0 || status > kExitStatusMax) return false;
    out.exit_status = static_cast<int>(status);
  }
  return object.ok();
}

std::string Encode(const WindowSize& size) {
  return DumpJson({{"cols", size.columns}, {"rows", size.rows}});
}

bool Decode(ByteView payload, WindowSize& out) {
  const json::Json json = json::ParseObject(AsText(payload), kSmallPayloadMax);
  int64_t columns = -1;
  int64_t rows = -1;
  JsonObject object(json);
  if (!object.Number("cols", columns).Number("rows", rows).ok()) return false;
  if (std::min(columns, rows) < 0 || std::max(columns, rows) > kCellsMax) return false;
  out = {.columns = static_cast<uint16_t>(columns), .rows = static_cast<uint16_t>(rows)};
  return true;
}

bool Decode(ByteView payload, SessionState& out) {
  const json::Json json = json::ParseObject(AsText(payload), kSmallPayloadMax);
  std::string state;
  if (!JsonObject(json).Text("SessionState", state).ok()) return false;
  if (state != "Connected" && state != "Terminating") return false;
  out = state == "Connected" ? SessionState::kConnected : SessionState::kTerminating;
  return true;
}

std::array<std::byte, sizeof(uint32_t)> Encode(SessionFlag flag) {
  std::array<std::byte, sizeof(uint32_t)> bytes;
  StoreBig(bytes.data(), static_cast<uint32_t>(flag));
  return bytes;
}

bool Decode(ByteView payload, SessionFlag& out) {
  ByteReader reader(payload);
  uint32_t number = 0;
  if (!reader.Read(number) || !reader.empty()) return false;
  if (number < 1 || number > static_cast<uint32_t>(SessionFlag::kConnectToPortError)) return false;
  out = static_cast<SessionFlag>(number);
  return true;
}

}  // namespace engine::datachannel
