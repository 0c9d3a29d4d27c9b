// One sealed session at the node: what the relay offered and cannot see.
//
//     offer: consent --> first lane dialled --> lanes, streams --> ending --> over
//                                                  |  every open: the grant, then a target
//                                                  |  every byte: the idle clock
//                                                  +- idle, no lane left, stopped, agent stops

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/session/idle_clock.h"
#include "agent/session/join_context.h"
#include "agent/session/relay_outbox.h"
#include "agent/session/session_lane.h"
#include "agent/session/window_budget.h"
#include "agent/target/stream_meter.h"
#include "agent/target/target_table.h"
#include "engine/loop/op.h"
#include "engine/mux/open_rate.h"
#include "engine/wire/control.h"
#include "engine/wire/session_plan.h"

namespace agent {

// SessionContext is what sessions share. All of it outlives them.
struct SessionContext {
  engine::LoopDriver& driver;
  TargetTable& targets;
  RelayOutbox& outbox;
  JoinContext& joins;
  WindowBudget& windows;
  const std::string software;  // For hellos.
};

class SealedSession final : private Lane::Owner, private StreamMeter::Owner {
 public:
  // A session whose last lane broke waits this long for another: a client that finds out that raw
  // bytes do not pass has to give its handshake up first.
  static constexpr engine::Duration kLanelessMax = std::chrono::seconds(20);

  // A first lane that is not up after this long, when the client asks for another, is stuck behind
  // something that ends TLS.
  static constexpr engine::Duration kStuckAfter = std::chrono::seconds(2);

  // `inner` meets the client (session_consent.h). Nothing is dialled yet.
  SealedSession(const SessionContext& context, const engine::SessionOffer& offer,
                std::shared_ptr<engine::TlsContext> inner);
  ~SealedSession();  // Requires: over().

  // AddLane dials one more lane. ResourceExhausted: kLanesMax, or the node's windows are given out;
  // or the error of JoinContext.
  absl::Status AddLane(const std::string& join_token, uint32_t loop);

  // End says why on every lane, ends what runs on them, and tells the relay. The session is over
  // when the lanes have said their last words. More calls do nothing.
  void End(engine::CloseCode code, std::string_view reason);

  // Close ends it without waiting for anybody. Requires: End was called.
  void Close();

  // Sweep destroys lanes that are over. Call it after every RunOnce.
  void Sweep();

  const std::string& id() const { return names_.session_id; }
  size_t lane_count() const { return lanes_.size(); }
  bool ending() const { return ending_; }
  bool over() const { return ending_ && lanes_.empty() && !timer_op_.in_flight(); }

 private:
  void OnLaneSecured(Lane& lane) override;
  void OnLaneOpen(Lane& lane, engine::StreamId id, engine::ByteView request) override;
  void OnLaneDown(Lane& lane, const LaneEnd& end) override;
  void OnStreamBytes() override;
  void OnStreamOver(const StreamMeter& meter, engine::CloseCode code) override;
  void OnTimer(engine::Fired outcome);

  bool HasLane() const;
  bool RawIsBlocked() const;
  engine::Instant Deadline() const;
  void ArmTimer();
  engine::Loop& loop() const;

  const SessionContext& context_;
  const engine::SessionPlan plan_;
  const engine::SessionNames names_;
  const std::string what_;  // The plan, for the audit.
  const uint32_t idle_seconds_max_;
  const std::shared_ptr<engine::TlsContext> inner_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  IdleClock idle_;
  engine::OpenRate open_rate_;
  engine::Instant laneless_deadline_;  // Of the next lane, while there is none.
  engine::Instant armed_deadline_ = engine::Instant::max();
  engine::TimerOp timer_op_;
  uint32_t next_serial_ = 1;
  uint32_t stream_count_ = 0;
  bool raw_passed_ = false;       // A raw lane came up: raw bytes pass.
  bool raw_was_unheard_ = false;  // A lane was joined, and then nothing sensible came.
  bool client_left_ = false;  // The lane that ended last, of those that were up, did so in order.
  bool ending_ = false;
};

}  // namespace agent
