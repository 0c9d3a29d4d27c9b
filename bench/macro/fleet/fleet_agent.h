// One agent of the fleet: what agent/ does about its link and nothing else. It dials, says hello,
// answers and sends keepalives with the engine's own multiplexer, and dials again with the engine's
// own back-off when the link is lost. It refuses every stream.

#pragma once

#include <memory>
#include <string>

#include "bench/macro/fleet/fleet_roll.h"
#include "engine/loop/op.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/backoff.h"
#include "engine/net/secure_connection.h"

namespace engine {
class LoopDriver;
}

namespace fleet {

// Target is where an agent dials.
struct Target {
  std::string host;
  uint16_t port = 0;
};

class Agent final : private engine::SecureConnection::Events, private engine::LinkEvents {
 public:
  // As agent::Agent has it: a link that was up for so long was no mistake, and is dialled anew at
  // once.
  static constexpr engine::Duration kSteadyLink = std::chrono::seconds(10);

  class Events {
   public:
    virtual void OnUp(Agent& agent) = 0;
    // The link was lost, or did not come up: `why`.
    virtual void OnDown(Agent& agent, bool was_up, const std::string& why) = 0;
    // After OnDown, its back-off has ended: it is to Dial.
    virtual void OnDue(Agent& agent) = 0;

   protected:
    ~Events() = default;
  };

  // All references outlive the agent. `seed` makes its back-off differ from the others'.
  Agent(engine::LoopDriver& driver, const Roll& roll, size_t index, const Target& target,
        uint64_t seed, Events& events);

  // Dial starts a link.
  void Dial();

  uint32_t index() const { return index_; }  // In the roll.

 private:
  void OnSecured(engine::SecureConnection& connection) override;
  void OnClosed(engine::SecureConnection& connection, const engine::ConnectionEnd& end) override;
  void OnOpen(engine::StreamId id, engine::Priority priority, engine::ByteView request) override;
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;
  void OnRetry(engine::Fired outcome);

  engine::LoopDriver& driver_;
  const Roll& roll_;
  const Target& target_;
  Events& events_;
  const uint32_t index_;
  bool up_ = false;
  engine::Instant up_since_{};
  engine::Backoff backoff_;
  bool is_shut_down_ = false;  // The relay said goodbye because it stops.
  engine::TimerOp retry_op_;
  std::unique_ptr<engine::SecureConnection> connection_;
  std::unique_ptr<engine::Multiplexer> multiplexer_;
  std::string reason_;  // A better one than the connection's, when there is one.
};

}  // namespace fleet
