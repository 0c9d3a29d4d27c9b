#include "client/plugin/session_response.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "engine/datachannel/agent_payloads.h"

namespace client {
namespace {

using Json = nlohmann::json;

constexpr size_t kTargetSizeMax = 400;    // SessionTarget of the API.
constexpr size_t kDocumentSizeMax = 512;  // A name, or an ARN with one.

absl::Status Failure(const std::string& text) { return absl::InvalidArgumentError(text); }

bool IsPrintable(char byte) { return byte >= ' ' && byte < 0x7F; }

absl::StatusOr<Json> Object(std::string_view text, const std::string& what) {
  if (text.size() > kSessionJsonSizeMax) return Failure(what + " is too long");
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Failure(what + " is no JSON object");
  return json;
}

// Member returns a text of 0 to `size_max` printable bytes; what is absent or null is empty.
absl::StatusOr<std::string> Member(const Json& object, const char* name, size_t size_max) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return "";
  const std::string* text = found->get_ptr<const std::string*>();
  if (text == nullptr) return Failure(std::string(name) + " is no text");
  if (text->size() > size_max) return Failure(std::string(name) + " is too long");
  if (!std::ranges::all_of(*text, IsPrintable)) {
    return Failure(std::string(name) + " has bytes that cannot be printed");
  }
  return *text;
}

absl::StatusOr<std::string> Needed(const Json& object, const char* name, size_t size_max) {
  absl::StatusOr<std::string> text = Member(object, name, size_max);
  if (text.ok() && text->empty()) return Failure(std::string(name) + " is missing");
  return text;
}

}  // namespace

absl::StatusOr<SessionTicket> ParseSessionResponse(std::string_view json) {
  const absl::StatusOr<Json> object = Object(json, "the answer of StartSession");
  if (!object.ok()) return object.status();
  absl::StatusOr<std::string> id =
      Needed(*object, "SessionId", engine::datachannel::kSessionIdSizeMax);
  if (!id.ok()) return id.status();
  absl::StatusOr<std::string> token = Needed(*object, "TokenValue", kSessionTokenSizeMax);
  if (!token.ok()) return token.status();
  const absl::StatusOr<std::string> url = Needed(*object, "StreamUrl", engine::kUrlSizeMax);
  if (!url.ok()) return url.status();
  absl::StatusOr<engine::SecureUrl> stream = engine::ParseSecureUrl("wss", *url);
  if (!stream.ok()) return stream.status();
  return SessionTicket{
      .session_id = *std::move(id), .token = *std::move(token), .stream = *std::move(stream)};
}

absl::StatusOr<ResumedSession> ParseResumeResponse(std::string_view json) {
  const absl::StatusOr<Json> object = Object(json, "the answer of ResumeSession");
  if (!object.ok()) return object.status();
  absl::StatusOr<std::string> token = Member(*object, "TokenValue", kSessionTokenSizeMax);
  if (!token.ok()) return token.status();
  absl::StatusOr<std::string> url = Member(*object, "StreamUrl", engine::kUrlSizeMax);
  if (!url.ok()) return url.status();
  return ResumedSession{.token = *std::move(token), .stream_url = *std::move(url)};
}

absl::StatusOr<SessionRequest> ParseSessionRequest(std::string_view json) {
  const absl::StatusOr<Json> object = Object(json, "the request's parameters");
  if (!object.ok()) return object.status();
  absl::StatusOr<std::string> target = Needed(*object, "Target", kTargetSizeMax);
  if (!target.ok()) return target.status();
  absl::StatusOr<std::string> document = Member(*object, "DocumentName", kDocumentSizeMax);
  if (!document.ok()) return document.status();
  SessionRequest request{.target = *std::move(target), .document = *std::move(document)};
  const auto parameters = object->find("Parameters");
  if (parameters == object->end() || !parameters->is_object()) return request;
  for (const auto& [name, values] : parameters->items()) {
    if (!values.is_array() || values.size() != 1) continue;
    if (const auto* value = values[0].get_ptr<const std::string*>()) {
      request.parameters[name] = *value;
    }
  }
  return request;
}

}  // namespace client
