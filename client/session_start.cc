#include "client/session_start.h"

#include <utility>

#include "client/say.h"
#include "client/sealed_proof.h"
#include "client/sealed_text.h"
#include "client/session_key.h"
#include "engine/crypto/identity_key.h"

namespace client {

SessionStart::SessionStart(ApiClient& api, KnownNodes& known_nodes, Tell tell, int64_t now)
    : api_(api), known_nodes_(known_nodes), tell_(std::move(tell)), now_(now) {}

absl::StatusOr<SecuredSession> SessionStart::Run(const KnownNodes::Node& node, SessionWish wish,
                                                 CarriageChoice choice) {
  if (choice != CarriageChoice::kInspected) return RunSealed(node, std::move(wish), choice);
  wish.client_key.clear();
  absl::StatusOr<StartedSession> session = api_.StartSession(wish);
  if (!session.ok()) return session.status();
  return SecuredSession{
      .id = std::move(session->id), .ticket = std::move(session->ticket), .node_context = nullptr};
}

absl::StatusOr<SecuredSession> SessionStart::RunSealed(const KnownNodes::Node& node,
                                                       SessionWish wish, CarriageChoice choice) {
  const std::string label = node.name.empty() ? node.id : node.name;
  const absl::StatusOr<SessionKey> key = MakeSessionKey(now_);
  if (!key.ok()) return key.status();
  wish.client_key = key->hash;
  absl::StatusOr<StartedSession> session = api_.StartSession(wish);
  if (session.ok() && session->sealed) return Secure(node, *session, key->hash, key->identity);
  if (!session.ok() && !absl::IsUnimplemented(session.status())) return session.status();

  // A relay that does not know the wish has started an inspected session.
  const std::string why =
      session.ok() ? "the relay is older than this adit" : TextOf(session.status());
  // A node that was reached sealed once is not given up to a relay that says it cannot be.
  const absl::StatusOr<bool> known = known_nodes_.Knows(node);
  if (choice == CarriageChoice::kSealed || !known.ok() || *known) {
    if (session.ok()) api_.TerminateSession(session->id).IgnoreError();
    if (choice == CarriageChoice::kSealed) {
      return absl::UnimplementedError(NotSealedText(label, why));
    }
    if (!known.ok()) return known.status();
    return absl::FailedPreconditionError(NoLongerSealedText(label, why));
  }
  tell_(UnsealedText(label, why));
  if (!session.ok()) return Run(node, std::move(wish), CarriageChoice::kInspected);
  return SecuredSession{
      .id = std::move(session->id), .ticket = std::move(session->ticket), .node_context = nullptr};
}

absl::StatusOr<SecuredSession> SessionStart::Secure(const KnownNodes::Node& node,
                                                    const StartedSession& session,
                                                    const std::string& client_key,
                                                    const engine::TlsIdentity& identity) {
  using Kind = KnownNodes::Meeting::Kind;
  const SealedProof proof = ProveSealed(*session.sealed, session.id, client_key);
  if (proof.error != ProofError::kNone) {
    return absl::FailedPreconditionError(
        ProofErrorText(proof.error, node.name.empty() ? node.id : node.name));
  }
  const std::string fingerprint = engine::crypto::IdentityFingerprint(proof.node_key);
  const absl::StatusOr<KnownNodes::Meeting> meeting = known_nodes_.Meet(node, fingerprint);
  if (!meeting.ok()) return meeting.status();
  const std::string text = MeetingText(*meeting, node, fingerprint, known_nodes_.path());
  if (meeting->kind == Kind::kFirst) {
    tell_(text);
  } else if (meeting->kind != Kind::kKnown) {
    return absl::FailedPreconditionError(text);
  }
  auto context =
      engine::TlsContext::Client({.trust = engine::TlsTrust::PublicKey(proof.session_key),
                                  .identity = identity,
                                  .protocols = {"adit/1"},
                                  .clock = {}});
  if (!context.ok()) return context.status();
  return SecuredSession{.id = session.id,
                        .ticket = session.ticket,
                        .node_context = std::shared_ptr<engine::TlsContext>(*std::move(context))};
}

}  // namespace client
