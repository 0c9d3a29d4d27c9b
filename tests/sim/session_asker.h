#pragma once

#include <functional>
#include <optional>
#include <string>

#include "client/api_client.h"
#include "client/carriage.h"
#include "client/lane_calls.h"
#include "client/session_key.h"
#include "engine/net/https_client.h"
#include "engine/net/loop_driver.h"
#include "tests/sim/witness.h"

namespace sim {

// SessionAsker asks the relay for a session until there is one. The calls are the real ones, and so
// is what is made of their answers.
class SessionAsker {
 public:
  using Done = std::function<void(client::LinkTarget)>;

  // `wish` comes without node and key. `done` is called once, unless Stop was.
  SessionAsker(engine::LoopDriver& driver, bool is_sealed, client::SessionWish wish,
               Witness& witness, Done done);

  // UserCredentials are those of this world's only user.
  static client::Credentials UserCredentials();

  client::LaneSource& lanes() { return lane_calls_; }
  void Stop();
  // Empty: it was told of none.
  const std::string& session_id() const { return session_id_; }
  bool is_asking() const { return is_asking_ || ask_op_.in_flight(); }
  // Close ends the calls, those of lanes, too. Requires: nothing is asked.
  void Close() { calls_.Close(); }
  bool joined() const { return calls_.joined() && !ask_op_.in_flight(); }

 private:
  void OnAskTime(engine::Fired outcome);
  void OnStarted(engine::CallResult result);
  absl::StatusOr<client::LinkTarget> TargetOf(absl::StatusOr<engine::HttpResponse> response);
  absl::StatusOr<engine::HttpResponse> Transport(engine::HttpRequest request);

  engine::LoopDriver& driver_;
  Witness& witness_;
  const Done done_;
  engine::HttpsClient calls_;
  std::optional<engine::HttpRequest> asked_;      // Between two looks at the API's client ...
  std::optional<engine::HttpResponse> answered_;  // ... which wants to wait for its answer.
  client::ApiClient api_;
  client::LaneCalls lane_calls_;
  std::optional<client::SessionKey> key_;
  client::SessionWish wish_;
  std::string session_id_;
  engine::TimerOp ask_op_;
  bool is_asking_ = false;
  bool is_stopping_ = false;
};

}  // namespace sim
