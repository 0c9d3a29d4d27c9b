// One link of a session: a carriage, the hello, and the multiplexer.
//
//     Dial --> carried --> our hello --> the other's hello --> OnLinkReady --> ... --> OnLinkEnded
//       ^         |
//       +---------+-- kElsewhere: another loop of the relay has the session
//       +---------+-- kStale: the connection of the call that started it is over
//       +---------+-- kNotStarted: something ends TLS on the way; a new ticket, and wrapped
//
// A lane that can rejoin outlives its connection, and what runs on it notices nothing:
//
//     carriage over --> LaneReturn: a ticket --> Dial --> carried --> resumed --> ... OnLinkEnded
//           ^                                               |
//           +-----------------------------------------------+
//
// When the network has changed, a connection that cannot live on is left, one that may not is asked
// for a sign of life, and nobody waits for the next try.
//
// The other one is the node, over a lane, or the relay.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client/carriage.h"
#include "client/lane_return.h"
#include "client/lane_source.h"
#include "client/link_end.h"
#include "client/resume_talk.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/net/resume_proof.h"
#include "engine/platform/network_watch.h"

namespace engine {
struct Hello;
}

namespace client {

class SessionLink final : private engine::LinkEvents,
                          private Carriage::Events,
                          private LaneReturn::Events,
                          private ResumeTalk::Events,
                          private engine::NetworkWatch::Listener {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void OnLinkReady(SessionLink& link) = 0;
    // The last call, after every stream had its OnClosed. The owner may destroy the link in it.
    virtual void OnLinkEnded(SessionLink& link, const LinkEnd& end) = 0;
  };

  // A session moves at most once, from a stale hint; more is a relay that sends us in a circle.
  static constexpr int kDialsMax = 3;
  // `lanes` is asked for a wrapped lane, and for another connection of one that lost its own. All
  // outlive the link.
  SessionLink(engine::LoopDriver& driver, LinkTarget target, LaneSource& lanes, Events& events);
  ~SessionLink() override;  // Requires: Dial was not called, or OnLinkEnded was.
  SessionLink(const SessionLink&) = delete;
  SessionLink& operator=(const SessionLink&) = delete;

  // Dial may call OnLinkEnded before it returns, when the relay's CA cannot be read.
  void Dial();

  // Rejoin leaves the connection, which may be dead without anybody knowing yet, and comes again
  // over another one; a link that waits for its next try does not wait. False: it cannot, so that
  // it keeps the connection that it has.
  [[nodiscard]] bool Rejoin();

  // Close sends what is queued and ends the link; OnLinkEnded follows. More calls do nothing.
  void Close();

  // Abort ends it at once: what is queued is dropped. OnLinkEnded follows.
  void Abort();

  // Requires: between OnLinkReady and OnLinkEnded.
  engine::Multiplexer& multiplexer() { return *multiplexer_; }

  bool ready() const { return ready_; }
  // The other side said goodbye: streams that run may go on, new ones are not taken.
  bool leaving() const { return leaving_; }

  // With what was found out while dialling: the loop, and whether it is wrapped.
  const LinkTarget& target() const { return target_; }

 private:
  void OnOpen(engine::StreamId id, engine::Priority priority, engine::ByteView request) override;
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnFailed(engine::CloseCode code, std::string_view text) override;
  void OnStalled() override;
  void OnCarried() override;
  void OnCarriageOver(const CarriageEnd& end) override;
  void OnLaneResumed(uint64_t position) override;
  void OnReturnTicket(LaneTicket ticket) override;
  void OnReturnGivenUp(engine::CloseCode code, const LinkEnd& end) override;
  void OnReturnStopped() override;
  void OnResumeSilent() override { carriage_->Close(); }
  void OnResumeRefused(engine::CloseCode code, std::string_view text) override;
  void OnNetworkChanged(bool is_gain) override;

  bool is_lane() const { return target_.is_lane(); }
  // EndsInOrder is true of an end that the node, and not what is in between, has wanted.
  bool EndsInOrder(const CarriageEnd& end) const;
  void HandleHello(const engine::Hello& hello);
  // GoElsewhere returns false when `text` is no loop, or this was tried often enough.
  bool GoElsewhere(std::string_view text);
  void AskToWrap(std::string why);

  bool CanGoOn(const CarriageEnd& end) const;
  void GoOn(const CarriageEnd& end);
  bool over() const { return closing_ || !end_text_.empty(); }
  void Give(engine::CloseCode code, std::string text);
  void End(engine::CloseCode code, LinkEnd end);

  engine::LoopDriver& driver_;
  LinkTarget target_;
  LaneSource& lanes_;
  Events& events_;
  std::unique_ptr<Carriage> carriage_;
  std::unique_ptr<engine::Multiplexer> multiplexer_;
  int dials_ = 0;
  std::unique_ptr<ResumeTalk> talk_;  // On a connection on which the link will go on.
  engine::ResumeSecret secret_{};
  uint32_t lane_ = 0;  // The node's number for it.
  LaneReturn return_;
  bool ready_ = false;
  bool leaving_ = false;
  bool asking_ = false;        // For the ticket of a wrapped join ...
  bool tell_wrapped_ = false;  // ... and the user does not know yet that it is one.
  bool closing_ = false;       // By us.
  bool redial_ = false;
  // The first reason that was given; what follows from it is not news.
  engine::CloseCode end_code_ = engine::CloseCode::kNormal;
  std::string end_text_;
};

}  // namespace client
