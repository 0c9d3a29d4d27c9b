// How a lane that has lost its connection gets a ticket for another one: it asks at once, and then
// again and again, for as long as the user has patience.
//
//     Lost --> AskSoon --> wait --> ask --> OnReturnTicket --> the link dials --> Resumed
//                           ^        |                               |
//                           +--------+ the relay or node is away     +--> AskSoon
//
// The user reads a line when it takes longer than a moment, and another one when it is back.

#pragma once

#include <cstdint>

#include "client/carriage.h"
#include "client/lane_source.h"
#include "client/link_end.h"
#include "engine/loop/op.h"
#include "engine/net/backoff.h"
#include "engine/net/loop_driver.h"

namespace client {

class LaneReturn {
 public:
  // Between two tries to come again, at most this long.
  static constexpr engine::Duration kAgainMax = std::chrono::seconds(5);
  // A try that is older and not through when the network changes is begun anew.
  static constexpr engine::Duration kTryMax = std::chrono::seconds(1);
  // An interruption that is shorter is not worth a line.
  static constexpr engine::Duration kQuietMax = std::chrono::seconds(1);

  class Events {
   public:
    virtual void OnReturnTicket(LaneTicket ticket) = 0;
    // There will be no other connection. It may destroy the return.
    virtual void OnReturnGivenUp(engine::CloseCode code, const LinkEnd& end) = 0;
    // After Stop: nothing is under way any more. It may destroy the return.
    virtual void OnReturnStopped() = 0;

   protected:
    ~Events() = default;
  };

  // All outlive it.
  LaneReturn(engine::LoopDriver& driver, const LinkTarget& target, LaneSource& lanes,
             Events& events);
  ~LaneReturn();  // Requires: !busy().
  LaneReturn(const LaneReturn&) = delete;
  LaneReturn& operator=(const LaneReturn&) = delete;

  // Lost says that the connection was lost just now. `lane` is the node's number for the lane; the
  // first one alone speaks with the user.
  void Lost(uint32_t lane);
  // TellWhenBack says that the user asked for another connection, and waits for a line.
  void TellWhenBack() { is_awaited_ = lane_ == 0; }
  // AskSoon asks for a ticket when it is time for the next try. Requires: !busy().
  void AskSoon();
  // Resumed says that the lane goes on.
  void Resumed();

  // Hurry ends a wait for the next try.
  void Hurry();
  // Gained says that there may be a way where there was none. True: a try that was under way is to
  // be begun anew; a call is, and what was dialled is the caller's to close.
  [[nodiscard]] bool Gained();

  // Stop ends what is under way; OnReturnStopped follows, if something is.
  void Stop();

  // How long the connection may take that a ticket is for.
  engine::Duration connect_max() const;
  bool busy() const { return is_asking_ || again_op_.in_flight(); }

 private:
  void OnAgain(engine::Fired outcome);
  void OnTicket(absl::StatusOr<LaneTicket> ticket);

  engine::LoopDriver& driver_;
  const LinkTarget& target_;
  LaneSource& lanes_;
  Events& events_;
  engine::Backoff backoff_;
  engine::TimerOp again_op_;
  engine::Instant lost_at_{};
  engine::Instant tried_at_{};
  uint32_t lane_ = 0;
  bool told_lost_ = false;
  bool is_awaited_ = false;
  bool is_asking_ = false;
  bool is_stopping_ = false;
};

}  // namespace client
