#include "agent/enrollment.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/session/node_clock.h"
#include "engine/crypto/certificate.h"
#include "engine/crypto/identity_key.h"
#include "engine/crypto/key.h"
#include "engine/http/http_message.h"
#include "engine/net/https_client.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/wall_clock.h"
#include "engine/tls/tls_context.h"

namespace agent {
namespace {

using Json = nlohmann::json;

constexpr int kHttpOk = 200;
constexpr size_t kReasonSizeMax = 500;

// Text returns a member of a foreign object, or "".
std::string Text(const Json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

// Printable is foreign text that may go to a terminal.
std::string Printable(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kReasonSizeMax)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return out;
}

engine::HttpRequest RequestFor(const engine::EnrollInvitation& invitation,
                               const EnrollmentFacts& facts, const std::string& request_pem) {
  const Json body = {
      {"ActivationId", invitation.activation_id},
      {"ActivationCode", invitation.code},
      {"CertificateRequest", request_pem},
      {"Name", facts.name},
      {"HostName", facts.host_name},
      {"Platform", facts.platform},
      {"AgentVersion", facts.version},
  };
  engine::HttpRequest request;
  request.method = "POST";
  request.headers.Set("Host", engine::FormatHostPort(invitation.relay));
  request.headers.Set("Content-Type", "application/x-amz-json-1.1");
  request.headers.Set("X-Amz-Target", "Adit.EnrollNode");
  request.headers.Set("User-Agent", "adit-agent/" + facts.version);
  request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return request;
}

absl::Status CallFailed(const engine::CallResult& result, const std::string& relay) {
  switch (result.kind) {
    case engine::CallResult::Kind::kUnreachable:
      return absl::UnavailableError(absl::StrCat(
          "the relay at ", relay, " could not be reached: ", result.text,
          ". Check that this machine may connect to that host and port; nothing was sent, the same "
          "line can be used again"));
    case engine::CallResult::Kind::kTls:
      return absl::FailedPreconditionError(
          absl::StrCat("no trusted connection to ", relay, ": ", result.text,
                       ". The code was not sent. Check that the line is from this relay, and that "
                       "nobody between "
                       "here and there answers in its place"));
    case engine::CallResult::Kind::kBadAnswer:
      return absl::UnavailableError(absl::StrCat("the relay at ", relay,
                                                 " did not answer: ", result.text,
                                                 ". Try again; if the code was used up, ask for a "
                                                 "new activation"));
    case engine::CallResult::Kind::kResponse:
      break;
  }
  return absl::OkStatus();
}

// Trusted is what the relay's certificate is checked with from now on: what the line named, and the
// relay's own authority where that is another.
std::string Trusted(const std::string& anchor_pem, const std::string& authority_pem) {
  const absl::StatusOr<engine::crypto::Certificate> anchor =
      engine::crypto::Certificate::FromPem(anchor_pem);
  const absl::StatusOr<engine::crypto::Certificate> authority =
      engine::crypto::Certificate::FromPem(authority_pem);
  if (!authority.ok() || (anchor.ok() && anchor->fingerprint() == authority->fingerprint())) {
    return anchor_pem;
  }
  return anchor_pem + (anchor_pem.ends_with('\n') ? "" : "\n") + authority_pem;
}

}  // namespace

absl::StatusOr<EnrollmentAnswer> ReadEnrollmentAnswer(int http_status, std::string_view body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (http_status != kHttpOk) {
    std::string reason = Text(json, "message");
    if (reason.empty()) reason = Text(json, "__type");
    if (reason.empty()) reason = absl::StrCat("HTTP status ", http_status);
    // The first sentence is what happened. Those behind it are advice for whoever made the line;
    // ours is for whoever pasted it.
    reason = reason.substr(0, reason.find(". "));
    while (reason.ends_with('.')) reason.pop_back();  // Our sentence goes on.
    return absl::PermissionDeniedError(absl::StrCat(
        "the relay refused the activation: ", Printable(reason),
        ". Ask the relay's administrator for a new activation (each works as often and as long as "
        "it was made for), and paste its line"));
  }
  EnrollmentAnswer answer{Text(json, "NodeId"), Text(json, "Name"), Text(json, "Certificate"),
                          Text(json, "CertificateAuthority")};
  if (answer.node_id.empty() || answer.certificate_pem.empty() || answer.authority_pem.empty()) {
    return absl::InternalError(
        "the relay's answer is not one that this agent understands: bring both to the same "
        "version, then ask for a new activation");
  }
  return answer;
}

absl::StatusOr<NodeState> Enroll(engine::LoopDriver& driver,
                                 const engine::EnrollInvitation& invitation,
                                 const EnrollmentFacts& facts, const bool& stops) {
  const engine::crypto::PrivateKey key = engine::crypto::PrivateKey::Generate();
  const absl::StatusOr<std::string> request_pem =
      engine::crypto::CreateSigningRequest(key, "adit-node");
  if (!request_pem.ok()) return request_pem.status();
  engine::TlsClientOptions options;
  options.trust = engine::TlsTrust::Fingerprint(invitation.ca);
  options.protocols = {"http/1.1"};
  const absl::StatusOr<std::unique_ptr<engine::TlsContext>> context =
      engine::TlsContext::Client(options);
  if (!context.ok()) return context.status();

  const engine::CallResult result = engine::CallAndWait(
      driver, **context, invitation.relay, RequestFor(invitation, facts, *request_pem), stops);
  const absl::Status failed = CallFailed(result, engine::FormatHostPort(invitation.relay));
  if (!failed.ok()) return failed;
  absl::StatusOr<EnrollmentAnswer> answer =
      ReadEnrollmentAnswer(result.response.status, result.response.body);
  if (!answer.ok()) return answer.status();
  const absl::StatusOr<engine::crypto::Certificate> certificate =
      engine::crypto::Certificate::FromPem(answer->certificate_pem);
  if (!certificate.ok() || !engine::crypto::KeyMatches(*certificate, key) ||
      certificate->common_name() != answer->node_id) {
    return absl::InternalError(
        "the relay answered with a certificate that is not for this node's key; ask its "
        "administrator to look at the relay's log");
  }

  NodeState state;
  state.relay = invitation.relay;
  state.node_id = answer->node_id;
  state.name = answer->name.empty() ? facts.host_name : answer->name;
  state.private_key_pem = key.Pem();
  state.certificate_pem = answer->certificate_pem;
  state.authority_pem = Trusted(result.anchor_pem, answer->authority_pem);
  state.identity_seed = engine::crypto::IdentityKey::Generate().seed_text();
  state.known_unix = KnownTime(0, state.certificate_pem, engine::UnixNow());
  return state;
}

}  // namespace agent
