#include "client/session_start.h"

#include <optional>
#include <utility>

#include "client/say.h"
#include "client/sealed_proof.h"
#include "client/sealed_text.h"
#include "engine/crypto/identity_key.h"

namespace client {

namespace {

// A relay that does not know the wish has started an inspected session.
constexpr char kOlderRelay[] = "the relay is older than this adit";

absl::StatusOr<SecuredSession> Inspected(const KnownNodes::Node& node,
                                         const StartedSession& session) {
  SecuredSession secured{
      .id = session.id, .node = node, .ticket = session.ticket, .node_context = nullptr};
  if (session.resume_secret.empty()) return secured;
  engine::ResumeSecret secret;
  if (!engine::FromHex(session.resume_secret, secret)) {
    return absl::FailedPreconditionError(
        "the relay's answer cannot be used: it is of no version of the protocol that this adit "
        "knows; update the older of the two");
  }
  secured.lane_secret = secret;
  secured.rejoin_key = session.rejoin_key;
  secured.duration_max = session.duration_max;
  return secured;
}

}  // namespace

absl::StatusOr<SecuredSession> SecureSession(KnownNodes& known_nodes, const TellUser& tell,
                                             const KnownNodes::Node& node,
                                             const StartedSession& session, const SessionKey& key) {
  using Kind = KnownNodes::Meeting::Kind;
  const SealedProof proof = ProveSealed(*session.sealed, session.id, key.hash);
  if (proof.error != ProofError::kNone) {
    return absl::FailedPreconditionError(
        ProofErrorText(proof.error, node.name.empty() ? node.id : node.name));
  }
  const std::string fingerprint = engine::crypto::IdentityFingerprint(proof.node_key);
  const absl::StatusOr<KnownNodes::Meeting> meeting = known_nodes.Meet(node, fingerprint);
  if (!meeting.ok()) return meeting.status();
  const std::string text = MeetingText(*meeting, node, fingerprint, known_nodes.path());
  if (meeting->kind == Kind::kFirst) {
    tell(text);
  } else if (meeting->kind != Kind::kKnown) {
    return absl::FailedPreconditionError(text);
  }
  auto context =
      engine::TlsContext::Client({.trust = engine::TlsTrust::PublicKey(proof.session_key),
                                  .identity = key.identity,
                                  .protocols = {"adit/1"},
                                  .clock = {}});
  if (!context.ok()) return context.status();
  return SecuredSession{.id = session.id,
                        .node = node,
                        .ticket = session.ticket,
                        .node_context = std::shared_ptr<engine::TlsContext>(*std::move(context)),
                        .rejoin_key = session.rejoin_key,
                        .duration_max = session.duration_max};
}

absl::Status CheckNamed(const KnownNodes::Node& node, std::string_view named) {
  if (node.named_by_id || node.name == named) return absl::OkStatus();
  return absl::FailedPreconditionError("the relay started a session on " + Printable(node.id) +
                                       ", where " + Printable(named) +
                                       " was asked for; nothing was dialled");
}

SessionStart::SessionStart(ApiClient& api, KnownNodes& known_nodes, TellUser tell, int64_t now)
    : api_(api), known_nodes_(known_nodes), tell_(std::move(tell)), now_(now) {}

absl::StatusOr<SecuredSession> SessionStart::Run(const KnownNodes::Node& node, SessionWish wish,
                                                 CarriageChoice choice) {
  wish.target = node.id;
  if (choice != CarriageChoice::kInspected) return RunWithKey(node, std::move(wish), choice);
  wish.client_key.clear();
  const absl::StatusOr<StartedSession> session = api_.StartSession(wish);
  if (!session.ok()) return session.status();
  return Inspected(node, *session);
}

absl::StatusOr<SecuredSession> SessionStart::RunNamed(std::string_view named, SessionWish wish,
                                                      CarriageChoice choice) {
  wish.target = named;
  std::optional<SessionKey> key;
  if (choice != CarriageChoice::kInspected) {
    absl::StatusOr<SessionKey> made = MakeSessionKey(now_);
    if (!made.ok()) return made.status();
    key = *std::move(made);
    wish.client_key = key->hash;
    wish.if_demanded = choice == CarriageChoice::kAsDocumented;
  }
  const absl::StatusOr<StartedSession> session = api_.StartSession(wish);
  if (!session.ok()) return session.status();
  KnownNodes::Node node{.id = session->node_id, .name = session->node_name, .named_by_id = false};
  if (node.id.empty()) node.id = named;  // An older relay knows ids alone.
  node.named_by_id = node.id == named;
  if (absl::Status right = CheckNamed(node, named); !right.ok()) return right;
  if (!key.has_value()) return Inspected(node, *session);
  return Follow(node, std::move(wish), choice, *session, *key);
}

bool SessionStart::IsDenied(const absl::Status& status) {
  return ApiCodeOf(status) == "AccessDeniedException";
}

bool SessionStart::NeedsNode(const absl::Status& status, std::string_view named) {
  const std::string code = ApiCodeOf(status);
  if (code == "TargetNotConnected" || code == "SealedNotSupported") return true;
  if (!IsDenied(status) || named.empty()) return false;
  // The relay names what was denied: the node's id where it has found one, a document, or the word.
  const std::string word = "managed-instance/" + std::string(named) + " ";
  return status.message().find(word) != std::string_view::npos;
}

absl::StatusOr<SecuredSession> SessionStart::RunWithKey(const KnownNodes::Node& node,
                                                        SessionWish wish, CarriageChoice choice) {
  const absl::StatusOr<SessionKey> key = MakeSessionKey(now_);
  if (!key.ok()) return key.status();
  wish.client_key = key->hash;
  wish.if_demanded = choice == CarriageChoice::kAsDocumented;
  const absl::StatusOr<StartedSession> session = api_.StartSession(wish);
  if (session.ok()) return Follow(node, std::move(wish), choice, *session, *key);
  if (wish.if_demanded || !absl::IsUnimplemented(session.status())) return session.status();
  return GoUnsealed(node, std::move(wish), choice, TextOf(session.status()), nullptr);
}

absl::StatusOr<SecuredSession> SessionStart::Follow(const KnownNodes::Node& node, SessionWish wish,
                                                    CarriageChoice choice,
                                                    const StartedSession& session,
                                                    const SessionKey& key) {
  if (session.sealed) return SecureSession(known_nodes_, tell_, node, session, key);
  if (choice == CarriageChoice::kAsDocumented) return Inspected(node, session);
  return GoUnsealed(node, std::move(wish), choice, kOlderRelay, &session);
}

absl::StatusOr<SecuredSession> SessionStart::GoUnsealed(const KnownNodes::Node& node,
                                                        SessionWish wish, CarriageChoice choice,
                                                        const std::string& why,
                                                        const StartedSession* session) {
  const std::string label = node.name.empty() ? node.id : node.name;
  // A node that was reached sealed once is not given up to a relay that says it cannot be.
  const absl::StatusOr<bool> known = known_nodes_.Knows(node);
  if (choice == CarriageChoice::kSealed || !known.ok() || *known) {
    if (session != nullptr) api_.TerminateSession(session->id).IgnoreError();
    if (choice == CarriageChoice::kSealed) {
      return absl::UnimplementedError(NotSealedText(label, why));
    }
    if (!known.ok()) return known.status();
    return absl::FailedPreconditionError(NoLongerSealedText(label, why));
  }
  tell_(UnsealedText(label, why));
  if (session == nullptr) return Run(node, std::move(wish), CarriageChoice::kInspected);
  return Inspected(node, *session);
}

}  // namespace client
