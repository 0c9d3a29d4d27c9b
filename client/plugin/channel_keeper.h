// Keeps a session connected: dials its data channel, and after a cut asks for a new token and dials
// again, until the session is over.
//
//     dialling --open--> open --cut--> asking (ResumeSession) --token--> dialling
//        |  ^                           |        | no token: the session has timed out
//        +--+ a few times, before       +--------+ again, ever more slowly, for kResumeMax
//             it ever was open

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/plugin/channel_link.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/session_api.h"
#include "client/plugin/session_response.h"
#include "engine/net/backoff.h"
#include "engine/net/loop_driver.h"

namespace client {

class ChannelKeeper final : private ChannelLink::Events {
 public:
  class Events {
   public:
    // Once, one of the two, and nothing after it.
    virtual void OnTimedOut() = 0;
    virtual void OnKeeperFailed(const std::string& why) = 0;

   protected:
    ~Events() = default;
  };

  // Dials before the channel was ever open: five seconds, as the original's seven take.
  static constexpr int kFirstDialsMax = 16;
  // How long a session that was cut is asked for. A relay that is restarted is back by then.
  static constexpr engine::Duration kResumeMax = std::chrono::minutes(5);

  // All references outlive it.
  ChannelKeeper(engine::LoopDriver& driver, const engine::TlsContext& context, SessionTicket ticket,
                SessionApi& api, ChannelSession& session, uint64_t seed, Events& events);
  ~ChannelKeeper();  // Requires: Start was not called, or joined().

  void Start();

  // StartWith is Start for another session than the one it was made for.
  void StartWith(SessionTicket ticket);

  // Stop ends the connection, in order or at once; no event follows.
  enum class Manner : uint8_t { kInOrder, kAtOnce };
  void Stop(Manner manner);
  bool joined() const { return link_ == nullptr && !is_asking_ && !wait_op_.in_flight(); }

 private:
  void OnLinkOpen() override;
  void OnLinkMessage(engine::ByteView message) override;
  void OnLinkRoom() override { session_.Pump(); }
  void OnLinkOver(const ChannelLinkEnd& end) override;
  void OnWaited(engine::Fired outcome);
  void OnResumed(const absl::StatusOr<ResumedSession>& resumed);

  void Dial();
  // Again tries the next thing after a pause, or gives up because of `why`.
  void Again(const std::string& why);
  void Fail(const std::string& why);

  engine::LoopDriver& driver_;
  const engine::TlsContext& context_;
  SessionTicket ticket_;
  SessionApi& api_;
  ChannelSession& session_;
  Events& events_;
  const std::string client_id_;  // The same on all connections.
  engine::Backoff backoff_;
  engine::TimerOp wait_op_;
  std::unique_ptr<ChannelLink> link_;
  int first_dials_ = 0;
  bool was_open_ = false;
  bool is_asking_ = false;
  bool is_stopped_ = false;
  engine::Instant lost_at_{};
};

}  // namespace client
