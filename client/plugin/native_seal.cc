#include "client/plugin/native_seal.h"

#include <utility>

#include "client/environment.h"
#include "client/say.h"
#include "client/session_key.h"

namespace client {

void NativeSeal::Ask(const SessionTicket& ticket, bool may_rejoin, Done done) {
  absl::StatusOr<SessionKey> key = MakeSessionKey(UnixNow());
  if (!key.ok()) return done(absl::UnimplementedError(key.status().message()));
  is_asking_ = true;
  engine::HttpRequest request =
      api_.SealRequest(ticket.session_id, ticket.token, key->hash, may_rejoin);
  call_ = calls_.Call(std::move(request), [this, id = ticket.session_id, key = *std::move(key),
                                           done = std::move(done)](engine::CallResult result) {
    is_asking_ = false;
    absl::StatusOr<SecuredSession> session = Secure(result, id, key);
    calls_.CloseKept();
    done(std::move(session));
  });
}

void NativeSeal::Cancel() {
  if (is_asking_) calls_.Cancel(call_);
}

absl::StatusOr<SecuredSession> NativeSeal::Secure(const engine::CallResult& result,
                                                  const std::string& session_id,
                                                  const SessionKey& key) {
  if (result.kind != engine::CallResult::Kind::kResponse) {
    return absl::UnimplementedError(Printable(result.text));
  }
  const absl::StatusOr<StartedSession> session = api_.ReadSealed(result.response);
  if (!session.ok()) return absl::UnimplementedError(session.status().message());
  const KnownNodes::Node node{.id = session->node_id,
                              .name = session->node_name,
                              .named_by_id = session->node_id == target_};
  if (session->id != session_id) {
    return absl::FailedPreconditionError(
        "the relay sealed another session than this one; nothing was dialled");
  }
  if (absl::Status named = CheckNamed(node, target_); !named.ok()) return named;
  return SecureSession(known_nodes_, Say, node, *session, key);
}

}  // namespace client
