// One sealed session at the node: what the relay offered and cannot see.
//
//     offer: consent --> first lane dialled --> lanes, streams --> ending --> over
//                                                  |  every open: the grant, then a target
//                                                  |  every byte: the idle clock
//                                                  |  a lane that lost its connection waits
//                                                  +- idle, no lane left, stopped, agent stops

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/hosted_lane.h"
#include "agent/session/join_context.h"
#include "agent/session/lane_host.h"
#include "agent/session/relay_outbox.h"
#include "agent/session/session_grant.h"
#include "agent/session/window_budget.h"
#include "engine/loop/op.h"
#include "engine/wire/control.h"

namespace agent {

// SessionContext is what sessions share. All of it outlives them.
struct SessionContext {
  engine::LoopDriver& driver;
  RelayOutbox& outbox;
  JoinContext& joins;
  WindowBudget& windows;
  const std::vector<LaneHost*> hosts;  // The first one is on the driver's loop.
  const std::string software;          // For hellos.
};

class SealedSession final : private LaneListener {
 public:
  // A session whose last lane broke waits this long for another: a client that finds out that raw
  // bytes do not pass has to give its handshake up first.
  static constexpr engine::Duration kLanelessMax = std::chrono::seconds(20);

  // A client that has said goodbye on one lane leaves all of them: one that has been without a
  // connection this long has nobody to say goodbye on it.
  static constexpr engine::Duration kGoodbyeMax = std::chrono::seconds(5);

  // A first lane that is not up after this long, when the client asks for another, is stuck behind
  // something that ends TLS.
  static constexpr engine::Duration kStuckAfter = std::chrono::seconds(2);

  // `inner` meets the client (session_consent.h); null: inside the relay's TLS, which is inspected.
  // `ordinal` spreads sessions over hosts. Nothing is dialled yet.
  SealedSession(const SessionContext& context, const engine::SessionOffer& offer,
                std::shared_ptr<engine::TlsContext> inner, size_t ordinal);
  ~SealedSession();  // Requires: over().

  // AddLane dials one more lane. ResourceExhausted: kLanesMax, or the node's windows are given out;
  // or the error of JoinContext.
  absl::Status AddLane(const std::string& join_token, uint32_t loop);

  // ReturnLane dials another connection for a lane that the client wants to go on with. NotFound:
  // there is no such lane; or the error of JoinContext.
  absl::Status ReturnLane(uint32_t lane, const std::string& join_token, uint32_t loop);

  // End says why on every lane, ends what runs on them, and tells the relay. The session is over
  // when the lanes have said their last words. More calls do nothing.
  void End(engine::CloseCode code, std::string_view reason);

  // Close ends it without waiting for anybody. Requires: End was called.
  void Close();

  // AwaySince is when the session's client was lost, if all of its lanes wait for it to come again;
  // Instant::max(): it is here, or was not here yet, or the session is ending.
  engine::Instant AwaySince() const;

  const std::string& id() const { return grant_->session_id(); }
  size_t lane_count() const { return lanes_.size(); }
  bool ending() const { return ending_; }
  bool over() const { return ending_ && lanes_.empty() && !timer_op_.in_flight(); }

 private:
  // LaneState is what is known here of a lane, which runs on its host.
  struct LaneState {
    uint32_t number = 0;
    LaneHost* host = nullptr;
    engine::Instant since{};  // When it was dialled.
    std::shared_ptr<const LaneWait> wait;
    bool wrapped = false;
    bool secured = false;
  };

  void OnLaneNews(std::unique_ptr<LaneNews> news) override;
  void OnLaneSecured(LaneState& lane);
  void OnLaneOver(const LaneEnd& end);
  void OnTimer(engine::Fired outcome);

  LaneHost& NextHost() const;
  WindowBudget::Kind ShareKind() const;
  bool RawIsBlocked() const;
  engine::Instant Deadline() const;
  void ArmTimer();
  engine::Loop& loop() const;

  const SessionContext& context_;
  const std::shared_ptr<SessionGrant> grant_;
  const std::shared_ptr<engine::TlsContext> inner_;
  const engine::ResumeSecret secret_;  // Where there is no inner TLS that gives one.
  const size_t ordinal_;
  std::vector<LaneState> lanes_;  // Those that are not over.
  uint32_t lanes_dialled_ = 0;
  engine::Instant laneless_deadline_;  // Of the next lane, while there is none.
  engine::Instant goodbye_deadline_ = engine::Instant::max();  // Of the other lanes, after one.
  const engine::Instant end_deadline_;                         // Of the session, whatever it does.
  engine::Instant armed_deadline_ = engine::Instant::max();
  engine::TimerOp timer_op_;
  bool raw_passed_ = false;       // A raw lane came up: raw bytes pass.
  bool raw_was_unheard_ = false;  // A lane was joined, and then nothing sensible came.
  bool client_left_ = false;  // The lane that ended last, of those that were up, did so in order.
  bool ending_ = false;
};

}  // namespace agent
