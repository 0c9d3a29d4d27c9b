#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/session_link.h"
#include "tests/sim/byte_flow.h"
#include "tests/sim/session_asker.h"
#include "tests/sim/session_client.h"
#include "tests/sim/witness.h"
#include "tests/sim/world_keys.h"
#include "tests/sim/world_plan.h"

namespace sim {

// GreedyClient asks for more streams than its session may have, some at a time, until it has heard
// enough refusals. Then it ends a few, finds room again, ends all, and stays. The streams lead to a
// door of their own, where each says a plan of nothing: no other byte may come, at either end.
//
//     filling --refused kTooMany times--> making room --> coming again --accepted--> done
class GreedyClient final : public SessionClient, private client::SessionLink::Events {
 public:
  static constexpr size_t kTooMany = 8;
  static constexpr uint16_t kPort = kServerPort + kSeatsMax;

  GreedyClient(engine::sim::SimWorld& world, uint16_t block_count, bool is_sealed, uint64_t number,
               Witness& witness);
  ~GreedyClient() override;

  // What each of its streams carries.
  static FlowPlan PlanOf(uint64_t number) { return {.session = number}; }

  bool over() const override;
  bool is_ready() const override { return false; }  // It takes nothing of others.
  bool has_session() const override { return is_ready_ && !is_session_over() && !is_leaving(); }
  const std::string& session_id() const override { return asker_.session_id(); }
  bool was_ready() const override { return is_ready_; }
  bool is_session_over() const override { return is_link_over_; }
  bool is_in_midst() const override { return !things_.empty(); }
  engine::Instant waits_since() const override;
  const std::string& end_text() const override { return end_text_; }

 private:
  class Thing;
  enum class ThingState : uint8_t { kAsked, kOpen, kEnding, kOver };
  enum class Phase : uint8_t { kFilling, kMakingRoom, kComingAgain, kDone };

  // So many are under way at once: what they lead to has a queue.
  static constexpr size_t kAtOnce = 16;
  // A refusal is asked again after this time.
  static constexpr engine::Duration kPause = std::chrono::seconds(1);
  // Room is made when the node has closed its end, which may be a moment later.
  static constexpr uint32_t kLateMax = 2;

  void AfterIteration() override;
  void Stop() override;
  void LetGo() override;
  void OnLinkReady(client::SessionLink&) override { is_ready_ = true; }
  void OnLinkEnded(client::SessionLink& link, const client::LinkEnd& end) override;
  void OnStarted(client::LinkTarget target);
  void OnPauseOver(engine::Fired) {}

  // What its streams hear.
  void Accepted();
  void Refused(engine::CloseCode code, const std::string& text);

  void GoOn();
  void Ask(size_t at_once);
  void EndSome(size_t count);
  size_t Count(ThingState state) const;

  const FlowPlan plan_;
  Witness& witness_;
  SessionAsker asker_;
  std::unique_ptr<client::SessionLink> link_;
  std::vector<std::unique_ptr<Thing>> things_;  // Streams.
  Phase phase_ = Phase::kFilling;
  size_t refused_count_ = 0;      // Of kFilling: at the maximum.
  engine::Instant room_since_{};  // From kMakingRoom on.
  uint32_t late_count_ = 0;       // Of kComingAgain.
  engine::TimerOp pause_op_;
  std::string end_text_;
  bool is_ready_ = false;
  bool is_link_over_ = false;
  bool are_calls_closed_ = false;
};

}  // namespace sim
