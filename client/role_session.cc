#include "client/role_session.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "client/config_file.h"
#include "client/say.h"
#include "client/terminal/terminal_question.h"
#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"

namespace client {
namespace {

using Json = nlohmann::json;

constexpr size_t kCodeSize = 6;
constexpr size_t kNameDigits = 16;

// ReadKept returns a session that is still good, or nothing: whatever is wrong with a file, the
// role can be assumed again.
std::optional<SessionCredentials> ReadKept(const std::string& path, int64_t now) {
  const absl::StatusOr<std::string> text = ReadSmallFile(path);
  if (!text.ok()) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto member = [&json](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const auto expires = json.find("expires");
  if (expires == json.end() || !expires->is_number_integer()) return std::nullopt;
  SessionCredentials kept{.access_key_id = member("access_key_id"),
                          .secret_access_key = member("secret_access_key"),
                          .session_token = member("session_token"),
                          .expires = expires->get<int64_t>()};
  if (kept.session_token.empty() || kept.expires < now + RoleSession::kSpareSeconds) {
    return std::nullopt;
  }
  return kept;
}

void Keep(const std::string& path, const SessionCredentials& session) {
  const Json json = {{"access_key_id", session.access_key_id},
                     {"secret_access_key", session.secret_access_key},
                     {"session_token", session.session_token},
                     {"expires", session.expires}};
  const size_t slash = path.rfind('/');
  absl::Status status = MakeConfigFolder(path.substr(0, slash));
  if (status.ok()) status = ReplaceFile(path, json.dump() + "\n");
  if (!status.ok()) Say("the role's session is not kept: " + TextOf(status));
}

}  // namespace

RoleSession::RoleSession(std::string folder, std::string relay, AskForCode ask)
    : folder_(std::move(folder)), relay_(std::move(relay)), ask_(std::move(ask)) {}

std::string RoleSession::PathOf(const Credentials& credentials) const {
  const RoleWish& wish = *credentials.role;
  const Json all = {
      relay_,           credentials.access_key_id, wish.role_arn,        wish.session_name,
      wish.external_id, wish.mfa_serial,           wish.duration_seconds};
  const std::string name = engine::crypto::HexSha256(
      engine::AsBytes(all.dump(-1, ' ', false, Json::error_handler_t::replace)));
  return folder_ + "/role-" + name.substr(0, kNameDigits) + ".json";
}

absl::Status RoleSession::Enter(ApiClient& api, int64_t now) const {
  const Credentials credentials = api.credentials();
  if (!credentials.role.has_value()) return absl::OkStatus();
  const RoleWish& wish = *credentials.role;
  const std::string path = folder_.empty() ? "" : PathOf(credentials);
  if (!path.empty()) {
    if (const std::optional<SessionCredentials> kept = ReadKept(path, now)) {
      api.Use({.access_key_id = kept->access_key_id,
               .secret_access_key = kept->secret_access_key,
               .session_token = kept->session_token,
               .source = wish.role_arn + ", assumed before",
               .role = std::nullopt});
      return absl::OkStatus();
    }
  }
  std::string code;
  if (!wish.mfa_serial.empty()) {
    absl::StatusOr<std::string> asked = ask_(wish.mfa_serial);
    if (!asked.ok()) return asked.status();
    code = *std::move(asked);
  }
  const absl::StatusOr<SessionCredentials> session = api.AssumeRole(wish, code);
  if (!session.ok()) {
    return absl::Status(
        session.status().code(),
        "cannot assume the role " + Printable(wish.role_arn) + ": " + TextOf(session.status()));
  }
  if (!path.empty()) Keep(path, *session);
  return absl::OkStatus();
}

absl::StatusOr<std::string> AskTerminalForCode(const std::string& mfa_serial) {
  absl::StatusOr<std::string> code =
      AskTerminal("MFA code of " + Printable(mfa_serial) + ": ", Typed::kShown);
  if (!code.ok()) {
    return absl::FailedPreconditionError(
        "a code of the device " + Printable(mfa_serial) +
        " is needed, and there is no terminal to ask on; run any adit command in a terminal first "
        "(the session is kept), or set AWS_SESSION_TOKEN with its key");
  }
  std::erase(*code, ' ');
  const bool is_code =
      code->size() == kCodeSize && code->find_first_not_of("0123456789") == std::string::npos;
  if (is_code) return code;
  return absl::InvalidArgumentError("a code has six digits; look at the device and try again");
}

}  // namespace client
