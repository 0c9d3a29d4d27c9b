// The links of one session: the first one, and more lanes of a sealed session as they are wanted.
//
//     Dial --> first link --> lanes at the start --> OnLanesReady --> ... --> OnLanesEnded
//                                                       ^      |
//                        AskForLane --> link, ready ----+      +-- every lane is busy
//
// A lane that breaks takes its streams with it; the session goes on while one is left.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "client/lane_set.h"
#include "client/lane_source.h"
#include "client/session_link.h"
#include "engine/loop/loop.h"
#include "engine/net/loop_driver.h"

namespace client {

class SessionLanes final : private SessionLink::Events, private LaneSet::Events {
 public:
  class Events {
   public:
    // The lanes that were asked for at the start are there, or cannot be had.
    virtual void OnLanesReady() = 0;
    // The last call, after every stream had its OnClosed, with the reason of the last lane's end.
    virtual void OnLanesEnded(const LinkEnd& end) = 0;

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

  // An inspected session has one lane, whatever `count` says. Requires: 1 <= at_start <= max <=
  // LaneSet::kLanesMax; `lane_source` and `events` outlive it.
  SessionLanes(engine::LoopDriver& driver, LinkTarget target, LaneSource& lane_source, Count count,
               Events& events);
  ~SessionLanes() override;  // Requires: Dial was not called, or OnLanesEnded was.

  // As of SessionLink, for all lanes.
  void Dial();
  void Close();
  void Abort();

  LaneSet& lanes() { return set_; }
  const std::string& session_id() const { return target_.session_id; }
  const std::string& node_label() const { return target_.node_label; }

 private:
  struct Lane {
    std::unique_ptr<SessionLink> link;
    bool in_set = false;
    size_t number = 0;  // In the set.
  };

  void OnLinkReady(SessionLink& link) override;
  void OnLinkEnded(SessionLink& link, const LinkEnd& end) override;
  void OnEveryLaneBusy() override;
  void OnLostLanePause(engine::Fired outcome);

  void AskForLane();
  void AddLane(LaneTicket ticket);
  // GiveUpOnLanes goes on with those that are there. A user who asked for more is told why.
  void GiveUpOnLanes(const std::string& why);
  void TellWhenReady();
  void EndIfOver();
  size_t opening_count() const { return asking_count_ + lanes_.size() - set_.count(); }

  engine::LoopDriver& driver_;
  LinkTarget target_;  // Of the next lane.
  LaneSource& lane_source_;
  Count count_;
  Events& events_;
  LaneSet set_;
  std::vector<Lane> lanes_;
  size_t asking_count_ = 0;
  size_t lost_count_ = 0;  // Not told yet.
  bool ready_ = false;
  bool closing_ = false;
  bool ended_ = false;
  LinkEnd end_;
  engine::TimerOp lost_lane_op_;
};

}  // namespace client
