// A port session of Adit's own protocol ends with its link. What the user asked for is asked for
// again then, so that the local port goes on to lead where it led.

#pragma once

#include <string>

#include "client/plugin/session_api.h"
#include "client/plugin/session_response.h"
#include "engine/loop/loop.h"
#include "engine/net/backoff.h"

namespace client {

class SessionRestart final {
 public:
  class Events {
   public:
    virtual void OnRestarted(const SessionTicket& ticket) = 0;
    virtual void OnRestartFailed(const std::string& why) = 0;

   protected:
    ~Events() = default;
  };

  // How long it is tried: a relay that is restarted, and a node that comes back to it, are there by
  // then.
  static constexpr engine::Duration kMax = std::chrono::minutes(5);

  // `request` is StartSession's, as JSON. The references outlive it.
  SessionRestart(engine::Loop& loop, SessionApi& api, std::string request, uint64_t seed,
                 Events& events);
  ~SessionRestart();  // Requires: joined().

  // Begin asks, again and again if need be. Requires: the last one was answered.
  void Begin();
  void Stop();
  bool joined() const { return !is_asking_ && !wait_op_.in_flight(); }

 private:
  void OnWaited(engine::Fired outcome);
  void OnStarted(const absl::StatusOr<SessionTicket>& ticket);
  void Wait();

  engine::Loop& loop_;
  SessionApi& api_;
  const std::string request_;
  Events& events_;
  engine::Backoff backoff_;
  engine::TimerOp wait_op_;
  engine::Instant give_up_{};
  bool is_asking_ = false;
  bool is_stopped_ = false;
};

}  // namespace client
