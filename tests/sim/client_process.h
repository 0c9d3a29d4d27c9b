#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/api_client.h"
#include "client/forward.h"
#include "client/lane_calls.h"
#include "client/lane_loops.h"
#include "client/session_key.h"
#include "client/session_lanes.h"
#include "engine/mux/window_reserve.h"
#include "engine/net/https_client.h"
#include "tests/sim/process.h"
#include "tests/sim/witness.h"

namespace sim {

// ClientProcess is `adit forward`: it asks for a session until there is one, and forwards a local
// port until the session is over. Calls, lanes, links, listener and connections are the real ones;
// the command line, the configuration and the list of known nodes are not there.
class ClientProcess final : public Process, private client::SessionLanes::Events {
 public:
  static constexpr uint16_t kLocalPort = 7000;

  struct Options {
    bool is_sealed = true;
    client::SessionLanes::Count lanes;
    size_t resume_bytes_max = 0;
  };

  ClientProcess(engine::sim::SimWorld& world, uint16_t block_count, const Options& options,
                Witness& witness);
  ~ClientProcess() override = default;

  bool over() const override;
  // The local port takes connections.
  bool is_ready() const { return is_ready_ && !is_session_over_ && !is_leaving(); }
  bool was_ready() const { return is_ready_; }
  // The session has ended, whoever wanted it; the process then stops by itself.
  bool is_session_over() const { return is_session_over_; }
  const std::string& end_text() const { return end_text_; }
  const std::string& session_id() const { return session_id_; }

 private:
  void AfterIteration() override;
  void Stop() override;
  void LetGo() override;
  void OnLanesReady() override;
  void OnLanesEnded(const client::LinkEnd& end) override;
  void OnConnectionRefused(engine::CloseCode code, std::string_view text) override {
    forward_.OnConnectionRefused(code, text);
  }
  void OnConnectionNotTaken(size_t lane, client::LocalConnection connection) override {
    forward_.OnConnectionNotTaken(lane, connection);
  }
  void OnConnectionOver(size_t lane) override { forward_.OnConnectionOver(lane); }

  void OnAskTime(engine::Fired outcome);
  void OnStarted(engine::CallResult result);
  absl::StatusOr<client::LinkTarget> TargetOf(absl::StatusOr<engine::HttpResponse> response);
  absl::StatusOr<engine::HttpResponse> Transport(engine::HttpRequest request);

  const Options options_;
  Witness& witness_;
  engine::HttpsClient calls_;
  std::optional<engine::HttpRequest> asked_;      // Between two looks at the API's client ...
  std::optional<engine::HttpResponse> answered_;  // ... which wants to wait for its answer.
  client::ApiClient api_;
  client::LaneCalls lane_calls_;
  engine::WindowReserve reserve_;
  client::LaneLoops loops_;
  std::optional<client::SessionKey> key_;
  client::SessionWish wish_;
  std::unique_ptr<client::SessionLanes> lanes_;  // Its set outlives the forward's connections.
  client::Forward forward_;
  engine::TimerOp ask_op_;
  std::string session_id_;
  std::string end_text_;
  bool is_asking_ = false;
  bool is_ready_ = false;
  bool is_session_over_ = false;
  bool are_calls_closed_ = false;
};

}  // namespace sim
