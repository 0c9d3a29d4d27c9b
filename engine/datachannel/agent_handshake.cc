#include "engine/datachannel/agent_handshake.h"

#include <algorithm>
#include <utility>

#include "engine/datachannel/json_object.h"

namespace engine::datachannel {
namespace {

constexpr size_t kPropertyMax = 4096;         // A path, a host.
constexpr size_t kKeyTextMax = 8 * 1024;      // A sealed data key in base64.
constexpr size_t kErrorTextMax = 4096;        // What a client says for people.
constexpr size_t kCustomerMessageMax = 8192;  // What a machine says for people.

json::Json Parse(ByteView payload) { return json::ParseObject(AsText(payload), kHandshakeSizeMax); }

// Absent stands for members that are not there, so that reading goes on without a branch.
const json::Json& OrAbsent(const json::Json* member) {
  static const json::Json kAbsent = json::Json::object();
  return member == nullptr ? kAbsent : *member;
}

// List returns the array called `name`, or nullptr for one that is absent. Anything else, and too
// many of them, makes `ok` false.
const json::Json* List(const JsonObject& object, const char* name, bool& ok) {
  const json::Json* list = object.Find(name);
  if (list == nullptr) return nullptr;
  if (list->is_array() && list->size() <= kClientActionsMax) return list;
  ok = false;
  return nullptr;
}

Json WriteProperties(const std::optional<PortProperties>& properties) {
  if (!properties.has_value()) return nullptr;
  Json json = {{"portNumber", properties->port_number}};
  const auto put = [&json](const char* name, const std::string& text) {
    if (!text.empty()) json[name] = text;
  };
  put("localPortNumber", properties->local_port_number);
  put("localUnixSocket", properties->local_unix_socket);
  put("localConnectionType", properties->local_connection_type);
  put("host", properties->host);
  put("type", properties->type);
  return json;
}

bool ReadProperties(const json::Json& json, PortProperties& out) {
  return JsonObject(json)
      .Text("portNumber", out.port_number)
      .Text("localPortNumber", out.local_port_number)
      .Text("localUnixSocket", out.local_unix_socket, kPropertyMax)
      .Text("localConnectionType", out.local_connection_type)
      .Text("type", out.type)
      .Text("host", out.host, kPropertyMax)
      .ok();
}

bool ReadRequestedAction(const json::Json& json, HandshakeRequest& out) {
  JsonObject action(json);
  std::string type;
  if (!action.Text("ActionType", type).ok()) return false;
  const json::Json& parameters = OrAbsent(action.Find("ActionParameters"));
  JsonObject object(parameters);
  if (type == kActionSessionType) {
    const json::Json* properties = object.Find("Properties");
    if (properties != nullptr && !ReadProperties(*properties, out.properties.emplace())) {
      return false;
    }
    return object.Text("SessionType", out.session_type).ok();
  }
  if (type == kActionEncryption) {
    HandshakeRequest::Encryption& encryption = out.encryption.emplace();
    return object.Text("KMSKeyId", encryption.key_id, kPropertyMax)
        .Text("Challenge", encryption.challenge, kPropertyMax)
        .ok();
  }
  out.unknown_actions.push_back(std::move(type));
  return true;
}

bool ReadProcessedAction(const json::Json& json, ProcessedAction& out) {
  JsonObject action(json);
  int64_t status = 0;
  if (!action.Text("ActionType", out.type)
           .Number("ActionStatus", status)
           .Text("Error", out.error, kErrorTextMax)
           .ok()) {
    return false;
  }
  const bool is_known = status == static_cast<int64_t>(ActionStatus::kSuccess) ||
                        status == static_cast<int64_t>(ActionStatus::kFailed);
  out.status = is_known ? static_cast<ActionStatus>(status) : ActionStatus::kUnsupported;
  // The result is an object for encryption, null for most others, and a number where a client
  // mixed it up with the status.
  const json::Json* result = action.Find("ActionResult");
  if (result == nullptr || !result->is_object()) return true;
  return JsonObject(*result)
      .Text("KMSCipherTextKey", out.ciphertext_key, kKeyTextMax)
      .Flag("ChallengeAcknowledgement", out.is_challenge_acknowledged)
      .ok();
}

Json WriteProcessedAction(const ProcessedAction& action) {
  Json result = nullptr;
  if (!action.ciphertext_key.empty()) {
    result = {{"KMSCipherTextKey", action.ciphertext_key}, {"KMSCipherTextHash", nullptr}};
    if (action.is_challenge_acknowledged) result["ChallengeAcknowledgement"] = true;
  }
  return {{"ActionType", action.type},
          {"ActionStatus", static_cast<int>(action.status)},
          {"ActionResult", std::move(result)},
          {"Error", action.error}};
}

}  // namespace

std::string Encode(const HandshakeRequest& request) {
  Json actions = Json::array();
  if (!request.session_type.empty()) {
    actions.push_back({{"ActionType", kActionSessionType},
                       {"ActionParameters",
                        {{"SessionType", request.session_type},
                         {"Properties", WriteProperties(request.properties)}}}});
  }
  if (request.encryption.has_value()) {
    Json parameters = {{"KMSKeyId", request.encryption->key_id}};
    if (!request.encryption->challenge.empty()) {
      parameters["Challenge"] = request.encryption->challenge;
    }
    actions.push_back(
        {{"ActionType", kActionEncryption}, {"ActionParameters", std::move(parameters)}});
  }
  return DumpJson(
      {{"AgentVersion", request.agent_version}, {"RequestedClientActions", std::move(actions)}});
}

bool Decode(ByteView payload, HandshakeRequest& out) {
  const json::Json json = Parse(payload);
  JsonObject object(json);
  bool ok = object.Text("AgentVersion", out.agent_version).ok();
  const json::Json* actions = List(object, "RequestedClientActions", ok);
  if (actions == nullptr) return ok;
  return std::ranges::all_of(
      *actions, [&out](const json::Json& action) { return ReadRequestedAction(action, out); });
}

std::string Encode(const HandshakeResponse& response) {
  Json actions = Json::array();
  for (const ProcessedAction& action : response.actions) {
    actions.push_back(WriteProcessedAction(action));
  }
  Json errors = nullptr;
  for (const std::string& error : response.errors) errors.push_back(error);
  return DumpJson({{"ClientVersion", response.client_version},
                   {"ProcessedClientActions", std::move(actions)},
                   {"Errors", std::move(errors)}});
}

bool Decode(ByteView payload, HandshakeResponse& out) {
  const json::Json json = Parse(payload);
  JsonObject object(json);
  bool ok = object.Text("ClientVersion", out.client_version).ok();
  if (const json::Json* errors = List(object, "Errors", ok); errors != nullptr) {
    for (const json::Json& error : *errors) {
      const auto* text = error.get_ptr<const std::string*>();
      if (text == nullptr || text->size() > kErrorTextMax) return false;
      out.errors.push_back(*text);
    }
  }
  const json::Json* actions = List(object, "ProcessedClientActions", ok);
  if (actions == nullptr) return ok;
  for (const json::Json& action : *actions) {
    if (!ReadProcessedAction(action, out.actions.emplace_back())) return false;
  }
  return ok;
}

std::string HandshakeFailure(const HandshakeResponse& response) {
  for (const ProcessedAction& action : response.actions) {
    if (action.status == ActionStatus::kSuccess) continue;
    return action.type + " failed on client with status " +
           std::to_string(static_cast<int>(action.status)) + " error: " + action.error;
  }
  return "";
}

std::string Encode(const HandshakeComplete& complete) {
  return DumpJson({{"HandshakeTimeToComplete", complete.duration_ns},
                   {"CustomerMessage", complete.customer_message}});
}

bool Decode(ByteView payload, HandshakeComplete& out) {
  const json::Json json = Parse(payload);
  return JsonObject(json)
      .Number("HandshakeTimeToComplete", out.duration_ns)
      .Text("CustomerMessage", out.customer_message, kCustomerMessageMax)
      .ok();
}

std::string Encode(const EncryptionChallenge& challenge) {
  return DumpJson({{"Challenge", challenge.challenge}});
}

bool Decode(ByteView payload, EncryptionChallenge& out) {
  const json::Json json = Parse(payload);
  return JsonObject(json).Text("Challenge", out.challenge, kPropertyMax).ok();
}

}  // namespace engine::datachannel
