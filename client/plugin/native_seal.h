#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/api_client.h"
#include "client/known_nodes.h"
#include "client/plugin/session_response.h"
#include "client/session_start.h"
#include "engine/net/https_client.h"

namespace client {

// NativeSeal makes a sealed session of one that the AWS CLI has started: the same session, under
// the same id, which goes from here to the node in TLS of its own. The ticket proves that it is
// ours.
class NativeSeal {
 public:
  // Unimplemented: it cannot be sealed, and the ticket is as good as before. Any other error, which
  // is for people, is the end of the session: somebody else than the node has answered.
  using Done = std::function<void(absl::StatusOr<SecuredSession>)>;

  // `target` is the node as the user named it. The references outlive it.
  NativeSeal(engine::HttpsClient& calls, const ApiClient& api, KnownNodes& known_nodes,
             std::string target)
      : calls_(calls), api_(api), known_nodes_(known_nodes), target_(std::move(target)) {}

  // Ask asks; `done` is called once, from the loop. Requires: the last one was answered.
  void Ask(const SessionTicket& ticket, bool may_rejoin, Done done);
  // Cancel ends it early; `done` is still called.
  void Cancel();
  bool asking() const { return is_asking_; }

 private:
  absl::StatusOr<SecuredSession> Secure(const engine::CallResult& result,
                                        const std::string& session_id, const SessionKey& key);

  engine::HttpsClient& calls_;
  const ApiClient& api_;
  KnownNodes& known_nodes_;
  const std::string target_;
  uint64_t call_ = 0;
  bool is_asking_ = false;
};

}  // namespace client
