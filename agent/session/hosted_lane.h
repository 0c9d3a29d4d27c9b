#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/session/session_grant.h"
#include "agent/session/session_lane.h"
#include "agent/session/window_budget.h"
#include "agent/target/stream_meter.h"
#include "agent/target/target_table.h"
#include "engine/loop/mailbox.h"
#include "engine/net/loop_driver.h"
#include "engine/tls/tls_context.h"

namespace agent {

// LaneNews is what becomes of a lane, for the session that it belongs to.
struct LaneNews {
  uint32_t lane = 0;     // The session's number for it.
  bool is_over = false;  // Nothing of the lane is left; else its inner TLS was set up.
  LaneEnd end;           // Why, when it is over.
};

// LaneListener hears of its lanes on the thread of its session.
class LaneListener {
 public:
  virtual void OnLaneNews(std::unique_ptr<LaneNews> news) = 0;

 protected:
  ~LaneListener() = default;
};

// LanePlan is all that it takes to make one lane on another thread.
struct LanePlan {
  LaneListener* listener = nullptr;  // It outlives the lane, and so does `home`.
  engine::Mailbox* home = nullptr;   // Of the listener's thread.
  uint32_t number = 0;
  std::shared_ptr<SessionGrant> grant;
  std::shared_ptr<const engine::TlsContext> outer;
  std::shared_ptr<engine::TlsContext> inner;
  Lane::Options options;
  WindowBudget::Share share;
};

// HostedLane is a lane on the loop where it runs: it lets streams in as the grant allows, joins
// them to targets, and counts their bytes.
class HostedLane final : private Lane::Owner, private StreamMeter::Owner {
 public:
  // Dials at once. `driver` and `targets` outlive it.
  HostedLane(engine::LoopDriver& driver, TargetTable& targets, std::unique_ptr<LanePlan> plan);
  // Tells the listener, as the last thing. Requires: over().
  ~HostedLane();

  // As of Lane; End also ends what runs on it.
  void End(engine::CloseCode code, std::string_view text);
  void Close() { lane_->Close(); }
  void Return(const engine::TlsContext& outer, engine::JoinedConnection::Options join) {
    lane_->Return(outer, std::move(join));
  }
  bool over() const { return lane_->over(); }

  bool Is(const LaneListener* listener, uint32_t number) const {
    return plan_->listener == listener && plan_->number == number;
  }

 private:
  void OnLaneSecured(Lane& lane) override;
  void OnLaneOpen(Lane& lane, engine::StreamId id, engine::ByteView request) override;
  void OnLaneLeft(Lane& lane, const std::string& join_token) override;
  void OnLaneDown(Lane& lane, const LaneEnd& end) override;
  void OnStreamBytes(size_t to_node, size_t from_node) override;
  void OnStreamOver(const StreamMeter& meter, engine::CloseCode code,
                    std::string_view text) override;
  void Tell(bool is_over);

  engine::LoopDriver& driver_;
  TargetTable& targets_;
  const std::unique_ptr<LanePlan> plan_;
  LaneEnd end_;
  std::unique_ptr<Lane> lane_;
};

}  // namespace agent
