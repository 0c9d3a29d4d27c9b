#pragma once

#include <memory>
#include <string>

#include "client/forward.h"
#include "client/lane_loops.h"
#include "client/session_lanes.h"
#include "engine/mux/window_reserve.h"
#include "tests/sim/session_asker.h"
#include "tests/sim/session_client.h"
#include "tests/sim/witness.h"

namespace sim {

// ClientProcess is `adit forward`: it asks for a session until there is one, and forwards a local
// port until the session is over. Calls, lanes, links, listener and connections are the real ones;
// the command line, the configuration and the list of known nodes are not there.
class ClientProcess final : public SessionClient, private client::SessionLanes::Events {
 public:
  static constexpr uint16_t kLocalPort = 7000;  // Of the first seat, as is kServerPort.

  struct Options {
    bool is_sealed = true;
    uint16_t seat = 0;
    client::SessionLanes::Count lanes;
    size_t resume_bytes_max = 0;  // 0: as many as the command has.
  };

  ClientProcess(engine::sim::SimWorld& world, uint16_t block_count, const Options& options,
                Witness& witness);
  ~ClientProcess() override = default;

  bool over() const override;
  // The local port takes connections.
  bool is_ready() const override { return is_ready_ && !is_session_over_ && !is_leaving(); }
  const std::string& session_id() const override { return asker_.session_id(); }
  bool was_ready() const override { return is_ready_; }
  bool is_session_over() const override { return is_session_over_; }
  const std::string& end_text() const override { return end_text_; }

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
  void OnStarted(client::LinkTarget target);

  const Options options_;
  engine::WindowReserve reserve_;
  client::LaneLoops loops_;
  SessionAsker asker_;
  std::unique_ptr<client::SessionLanes> lanes_;  // Its set outlives the forward's connections.
  client::Forward forward_;
  std::string end_text_;
  bool is_ready_ = false;
  bool is_session_over_ = false;
  bool are_calls_closed_ = false;
};

}  // namespace sim
