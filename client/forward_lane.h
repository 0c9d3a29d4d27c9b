// One lane of a forward, all of it on one loop: the link, and the connections that are streams of
// it. The session's lanes, and the listener, may be on another thread; what passes between them
// goes by letters.
//
//     SessionLanes' thread                  the lane's loop
//     Dial, Take, Order, Answer -------->   ForwardLane
//     LaneListener  <--------------------   ready, connections, bulk, down, gone

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/lane_connections.h"
#include "client/lane_source.h"
#include "client/session_link.h"
#include "engine/loop/mailbox.h"
#include "engine/net/loop_driver.h"

namespace client {

// LaneListener hears of its lanes on its own thread. A lane is ready once or never, down once, and
// gone once, which is the last that is heard of it.
class LaneListener {
 public:
  struct Ready {
    uint32_t lane = 0;
    uint32_t loop = 0;  // What it took to get there: of LinkTarget.
    bool wrapped = false;
  };
  struct Refusal {
    engine::CloseCode code = engine::CloseCode::kNormal;
    std::string text;
  };
  struct NotTaken {
    uint32_t lane = 0;
    LocalConnection connection;
  };
  struct Down {
    uint32_t lane = 0;
    LinkEnd end;
  };

  virtual void OnLaneReady(Ready ready) = 0;
  // As of LaneSource; the answer goes to LaneLoop::Answer.
  virtual void OnLaneAsks(uint32_t lane) = 0;
  struct Rejoin {
    uint32_t lane = 0;
    uint32_t named = 0;  // By the node.
  };
  virtual void OnLaneRejoins(Rejoin rejoin) = 0;
  virtual void OnLaneHurries(uint32_t lane) = 0;
  virtual void OnLaneBulk(uint32_t lane) = 0;
  virtual void OnConnectionRefused(std::unique_ptr<Refusal> refusal) = 0;
  virtual void OnConnectionNotTaken(NotTaken connection) = 0;
  virtual void OnConnectionOver(uint32_t lane) = 0;
  // The link has ended. The lane goes once LaneOrder::kLeave says that no connection is on its way.
  virtual void OnLaneDown(std::unique_ptr<Down> down) = 0;
  virtual void OnLaneGone(uint32_t lane) = 0;

 protected:
  ~LaneListener() = default;
};

// LaneName is a lane among all of the process; a listener gives no number twice.
struct LaneName {
  LaneListener* listener = nullptr;
  uint32_t number = 0;
  friend bool operator==(const LaneName&, const LaneName&) = default;
};

enum class LaneOrder : uint8_t {
  kClose,  // As of SessionLink.
  kAbort,
  kShut,   // Resets the connections.
  kLeave,  // See LaneListener::OnLaneDown.
};

// LanePlan is all that it takes to make a lane.
struct LanePlan {
  LaneName name;                    // The listener outlives the lane ...
  engine::Mailbox* home = nullptr;  // ... and so does the mailbox of its thread.
  LinkTarget target;
  std::string request;  // What every stream opens with.
};

class ForwardLane final : private SessionLink::Events,
                          private LaneSource,
                          private LaneConnections::Events {
 public:
  class Owner {
   public:
    // The lane is gone(). Not the moment to destroy it: it is still on the stack.
    virtual void OnLaneGone(ForwardLane& lane) = 0;

   protected:
    ~Owner() = default;
  };

  // Both references outlive it.
  ForwardLane(engine::LoopDriver& driver, std::unique_ptr<LanePlan> plan, Owner& owner);
  ~ForwardLane() override;  // Requires: gone().

  void Dial() { link_.Dial(); }
  void Take(LocalConnection connection);
  void Obey(LaneOrder order);
  void Answer(absl::StatusOr<LaneTicket> ticket);

  const LaneName& name() const { return plan_->name; }
  engine::Mailbox& home() { return *plan_->home; }
  bool gone() const { return down_ && left_ && (!connections_ || connections_->empty()); }

 private:
  void OnLinkReady(SessionLink& link) override;
  void OnLinkEnded(SessionLink& link, const LinkEnd& end) override;
  void AskForLane(const std::string& session_id, Done done) override;
  void AskToRejoin(const std::string& session_id, uint32_t lane, Done done) override;
  void HurryLanes(const std::string& session_id) override;
  void OnConnectionRefused(engine::CloseCode code, std::string_view text) override;
  void OnConnectionNotTaken(LocalConnection connection) override;
  void OnConnectionOver() override;
  void OnLaneBulk() override;

  template <auto kMethod, class Payload>
  void Tell(Payload payload);
  void TellIfGone();

  engine::LoopDriver& driver_;
  Owner& owner_;
  const std::unique_ptr<LanePlan> plan_;
  std::optional<LaneConnections> connections_;  // Since the link is ready.
  SessionLink link_;
  Done answer_;  // Of the source, while it is awaited.
  bool down_ = false;
  bool left_ = false;
};

}  // namespace client
