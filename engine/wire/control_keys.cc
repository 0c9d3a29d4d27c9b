// The messages of encrypted sessions, member by member.

#include <limits>

#include "engine/wire/json_members.h"

namespace engine::json {
namespace {

constexpr uint64_t kSerialMax = std::numeric_limits<uint32_t>::max();
constexpr size_t kKeyIdMax = 2048;     // As in AWS's documents.
constexpr size_t kPlaintextMax = 128;  // 64 bytes in Base64 are 88.

}  // namespace

bool Read(const Json& json, StreamKey& out) {
  return Reader(json)
             .Text("key_id", out.key_id, kKeyIdMax)
             .Text("data_key", out.data_key, kTokenMax)
             .Text("challenge", out.challenge)
             .Flag("separates_output", out.separates_output)
             .Text("output_prefix", out.output_prefix)
             .Text("error_prefix", out.error_prefix)
             .ok() &&
         !out.data_key.empty();
}

void Put(Json& json, const char* name, const std::optional<StreamKey>& key) {
  if (!key.has_value()) return;
  Json member = Json::object();
  Put(member, "key_id", key->key_id);
  Put(member, "data_key", key->data_key);
  Put(member, "challenge", key->challenge);
  if (key->separates_output) member["separates_output"] = true;
  Put(member, "output_prefix", key->output_prefix);
  Put(member, "error_prefix", key->error_prefix);
  json[name] = std::move(member);
}

bool Read(const Json& json, DataKeyRequest& out) {
  return Reader(json)
             .Number("serial", out.serial, 0, kSerialMax)
             .Text("session_id", out.session_id)
             .Text("data_key", out.data_key, kTokenMax)
             .Text("challenge", out.challenge)
             .ok() &&
         !out.session_id.empty() && !out.data_key.empty();
}

void Write(Json& json, const DataKeyRequest& message) {
  json["serial"] = message.serial;
  json["session_id"] = message.session_id;
  json["data_key"] = message.data_key;
  Put(json, "challenge", message.challenge);
}

bool Read(const Json& json, DataKeyAnswer& out) {
  return Reader(json)
             .Number("serial", out.serial, 0, kSerialMax)
             .Text("plaintext", out.plaintext, kPlaintextMax)
             .Text("error", out.error, kAnyMax)
             .ok() &&
         out.plaintext.empty() != out.error.empty();
}

void Write(Json& json, const DataKeyAnswer& message) {
  json["serial"] = message.serial;
  Put(json, "plaintext", message.plaintext);
  Put(json, "error", message.error);
}

}  // namespace engine::json
