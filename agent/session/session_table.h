#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/join_context.h"
#include "agent/session/lane_host.h"
#include "agent/session/relay_outbox.h"
#include "agent/session/sealed_session.h"
#include "agent/session/window_budget.h"
#include "engine/crypto/identity_key.h"
#include "engine/wire/control.h"

namespace agent {

// SessionTable has every sealed session of this process, from the relay's offer until the last word
// on its last lane. Sessions do not depend on the link to the relay: it may end and come again.
class SessionTable {
 public:
  // Sessions at once; more offers are answered with an error. Those that end count until they are
  // over. The lanes of all of them together are bounded by WindowBudget. Of either maximum, one is
  // kept free as long as there is a session that does without its client (MakeRoom).
  static constexpr size_t kSessionsMax = 256;
  // A client that has been away for less is not given up for the sake of another one: all of them
  // are for a moment when a relay restarts.
  static constexpr engine::Duration kAwayMin = std::chrono::minutes(1);

  struct Options {
    std::string software;  // For hellos: "adit-agent/0.1.0".
    engine::crypto::IdentityKey identity;
    RelayAccess relay;
    size_t sessions_max = kSessionsMax;
    // More threads for lanes of forwards; they outlive the table.
    std::vector<LaneHost*> more_hosts{};
  };

  // `driver` and `targets` outlive the table; programs, and lanes where no other host is, run here.
  SessionTable(engine::LoopDriver& driver, TargetTable& targets, Options options);

  // Handle takes what the relay says about sessions; every other message is ignored. Foreign, as
  // far as Decode lets it come. Answers and news go to outbox().
  void Handle(const engine::ControlMessage& message);

  // IsOfAnother is true of a message about a session that this process does not have.
  bool IsOfAnother(const engine::ControlMessage& message) const;

  // Renew takes another certificate for joins from now on.
  void Renew(RelayAccess relay) { joins_.Renew(std::move(relay)); }

  // EndOpen ends every session that is open.
  void EndOpen(engine::CloseCode code, std::string_view reason);

  // EndAll is EndOpen, and no offer is taken any more. Close then waits for nobody.
  void EndAll(engine::CloseCode code, std::string_view reason);
  void Close();

  // Sweep destroys what is over. Call it after every RunOnce, with no call of a loop or session on
  // the stack.
  void Sweep();

  RelayOutbox& outbox() { return outbox_; }
  size_t count() const { return sessions_.size(); }

 private:
  void OnOffer(const engine::SessionOffer& offer);
  void OnLaneOffer(const engine::LaneOffer& offer);
  void OnStop(const engine::SessionStop& stop);
  void OnCheck(const engine::SessionCheck& check);
  // Consents makes the session, or says why not.
  absl::StatusOr<engine::SessionAnswer> Consent(const engine::SessionOffer& offer);
  SealedSession* Find(std::string_view session_id) const;
  bool HasRoom() const { return sessions_.size() < sessions_max_ && windows_.HasShare(); }
  // MakeRoom ends the session whose client has been away longest, if there is no room for the next
  // one. It takes a moment until the room is there.
  void MakeRoom();

  LaneHost host_;
  RelayOutbox outbox_;
  JoinContext joins_;
  WindowBudget windows_;
  const SessionContext context_;
  const engine::crypto::IdentityKey identity_;
  const size_t sessions_max_;
  std::vector<std::unique_ptr<SealedSession>> sessions_;
  size_t offer_count_ = 0;
  bool ending_ = false;
};

}  // namespace agent
