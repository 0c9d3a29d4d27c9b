// The links of one session: the first one, and more lanes of a sealed session as they are wanted.
//
//     Dial --> first link --> lanes at the start --> OnLanesReady --> ... --> OnLanesEnded
//                                                       ^      |
//                        AskForLane --> link, ready ----+      +-- every lane is busy
//
// A lane whose link ends takes its streams with it; the session goes on while one is left. Lanes
// run on the loops of LaneLoops; all that is here runs on the command's.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "client/forward_lane.h"
#include "client/lane_loops.h"
#include "client/lane_set.h"
#include "client/lane_source.h"
#include "client/session_link.h"
#include "engine/loop/loop.h"
#include "engine/net/loop_driver.h"

namespace client {

class SessionLanes final : private LaneListener, private LaneSet::Events {
 public:
  class Events {
   public:
    // The lanes that were asked for at the start are there, or cannot be had.
    virtual void OnLanesReady() = 0;
    // Every link has ended, with the reason of the last one. Local connections may still write what
    // they were given; gone() is when nothing is left.
    virtual void OnLanesEnded(const LinkEnd& end) = 0;
    // What lanes say of connections; `lane` is a number in lanes().
    virtual void OnConnectionRefused(engine::CloseCode code, std::string_view text) = 0;
    virtual void OnConnectionNotTaken(size_t lane, LocalConnection connection) = 0;
    virtual void OnConnectionOver(size_t lane) = 0;

   protected:
    ~Events() = default;
  };

  // How many lanes there are at the start and may become when bulk runs on all of them.
  struct Count {
    size_t at_start = 1;
    size_t max = 1;
  };

  // A lane that breaks is worth a line, unless the session ends with it, as it mostly does.
  static constexpr engine::Duration kLostLanePause = std::chrono::seconds(1);

  // `request` is what every stream opens with. An inspected session has one lane, whatever `count`
  // says. Requires: 1 <= at_start <= max <= LaneSet::kLanesMax; the references outlive it.
  SessionLanes(LaneLoops& loops, LinkTarget target, std::string request, LaneSource& lane_source,
               Count count, Events& events);
  ~SessionLanes();  // Requires: Dial was not called, or gone().

  // As of SessionLink, for all lanes.
  void Dial();
  void Close();
  void Abort();

  LaneSet& lanes() { return set_; }
  const std::string& session_id() const { return target_.session_id; }
  const std::string& node_label() const { return target_.node_label; }
  // OnLanesEnded was called, and nothing of the lanes is left.
  bool gone() const { return ended_ && lanes_.empty(); }

 private:
  // Lane is what is known here of a lane, which runs on its loop.
  struct Lane final : LaneDoor {
    Lane(LaneLoop& on, const LaneName& named) : loop(on), name(named) {}
    void Take(LocalConnection connection) override { loop.Take(name, connection); }
    void Shut() override { loop.Order(name, LaneOrder::kShut); }

    LaneLoop& loop;
    const LaneName name;
    bool in_set = false;
    size_t number = 0;  // In the set.
    bool down = false;
  };

  void OnLaneReady(Ready ready) override;
  void OnLaneAsks(uint32_t lane) override;
  void OnLaneRejoins(Rejoin rejoin) override;
  void OnLaneHurries(uint32_t lane) override;
  void OnLaneBulk(uint32_t lane) override;
  void OnConnectionRefused(std::unique_ptr<Refusal> refusal) override;
  void OnConnectionNotTaken(NotTaken connection) override;
  void OnConnectionOver(uint32_t lane) override;
  void OnLaneDown(std::unique_ptr<Down> down) override;
  void OnLaneGone(uint32_t lane) override;
  void OnEveryLaneBusy() override;
  void OnLostLanePause(engine::Fired outcome);

  void AskForLane();
  void AddLane(LaneTicket ticket);
  // GiveUpOnLanes goes on with those that are there. A user who asked for more is told why.
  void GiveUpOnLanes(const std::string& why);
  void TellWhenReady();
  void EndIfOver();
  Lane& Find(uint32_t number);
  size_t up_count() const;  // Lanes whose link has not ended.
  size_t opening_count() const { return asking_count_ + up_count() - set_.count(); }
  engine::Loop& loop() { return loops_.home().loop(); }

  LaneLoops& loops_;
  LinkTarget target_;  // Of the next lane.
  const std::string request_;
  LaneSource& lane_source_;
  Count count_;
  Events& events_;
  LaneSet set_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  uint32_t dialled_count_ = 0;
  size_t asking_count_ = 0;
  size_t lost_count_ = 0;  // Not told yet.
  bool ready_ = false;
  bool closing_ = false;
  bool ended_ = false;
  LinkEnd end_;
  engine::TimerOp lost_lane_op_;
};

}  // namespace client
