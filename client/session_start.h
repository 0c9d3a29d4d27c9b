// Starting a session, of the carriage that the user wants, and proving what the relay answers
// before anything is dialled.
//
// The relay finds a node that is named in full; then that is the only call.
//
//     our key --> StartSession --> ProveSealed --> KnownNodes --> a TLS context for that key alone
//                      |
//                      +-- cannot be sealed --> inspected with a notice; an error for a node that
//                      |                        was met sealed before, or where the user insists
//                      +-- need not be ------> inspected, where that is left to the document
//
// An answer never makes an inspected session of one that was to be sealed without a word, and a
// sealed one of one that was to be inspected only where a key of ours was brought for that.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/api_client.h"
#include "client/client_options.h"
#include "client/known_nodes.h"
#include "client/session_key.h"
#include "client/started_session.h"
#include "engine/net/resume_proof.h"
#include "engine/tls/tls_context.h"

namespace client {

// SecuredSession is a session that may be dialled.
struct SecuredSession {
  std::string id;
  KnownNodes::Node node;
  LaneTicket ticket;
  std::shared_ptr<engine::TlsContext> node_context;      // Null: it is inspected.
  std::string rejoin_key = {};                           // As of StartedSession.
  std::chrono::seconds duration_max{};                   // As of StartedSession.
  std::optional<engine::ResumeSecret> lane_secret = {};  // As of LinkTarget.
};

// TellUser is how a notice reaches the user.
using TellUser = std::function<void(const std::string& text)>;

// SecureSession proves that the node consented to a sealed session, and meets the node. `key` is
// ours in this session. Errors are ready for the user.
absl::StatusOr<SecuredSession> SecureSession(KnownNodes& known_nodes, const TellUser& tell,
                                             const KnownNodes::Node& node,
                                             const StartedSession& session, const SessionKey& key);

// CheckNamed returns an error, ready for the user, unless `node` is the one of exactly that id or
// name: a relay that answers with another one is not followed.
absl::Status CheckNamed(const KnownNodes::Node& node, std::string_view named);

class SessionStart {
 public:
  // Both references outlive it. `now` is in unix seconds.
  SessionStart(ApiClient& api, KnownNodes& known_nodes, TellUser tell, int64_t now);

  // Run starts one on `node`. `wish` comes without target and client key. Errors are ready for the
  // user, with the code of ApiClient::StartSession where they are its.
  absl::StatusOr<SecuredSession> Run(const KnownNodes::Node& node, SessionWish wish,
                                     CarriageChoice choice);

  // RunNamed starts one on the node of exactly that id or name, as the relay finds it. Nothing was
  // started, and Run may do better, when NeedsNode is true of the error.
  absl::StatusOr<SecuredSession> RunNamed(std::string_view named, SessionWish wish,
                                          CarriageChoice choice);

  // NeedsNode is true where it takes to know the node to go on, or to say what is wrong. `named` is
  // what RunNamed was given: a word that is no node's whole name may be denied although the node
  // that it means is allowed.
  static bool NeedsNode(const absl::Status& status, std::string_view named);
  // IsDenied is true of the relay's answer that a policy does not allow it.
  static bool IsDenied(const absl::Status& status);

 private:
  absl::StatusOr<SecuredSession> RunWithKey(const KnownNodes::Node& node, SessionWish wish,
                                            CarriageChoice choice);
  // Follow goes on with what the relay started when it was asked with our key.
  absl::StatusOr<SecuredSession> Follow(const KnownNodes::Node& node, SessionWish wish,
                                        CarriageChoice choice, const StartedSession& session,
                                        const SessionKey& key);
  // GoUnsealed is for a node that cannot be reached sealed, because of `why`: it goes on with
  // `session`, which is inspected, or else starts one, or it is an error.
  absl::StatusOr<SecuredSession> GoUnsealed(const KnownNodes::Node& node, SessionWish wish,
                                            CarriageChoice choice, const std::string& why,
                                            const StartedSession* session);

  ApiClient& api_;
  KnownNodes& known_nodes_;
  const TellUser tell_;
  const int64_t now_;
};

}  // namespace client
