#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/loop/loop.h"
#include "engine/net/secure_connection.h"
#include "engine/wire/frame.h"
#include "relay/broker/data_plane.h"
#include "relay/switchboard/joint.h"
#include "relay/switchboard/leg.h"

namespace relay {

enum class LaneSide : uint8_t { kClient, kNode };

// Joiner is one side's connection until the lane is joined, as the lane sees it.
class Joiner {
 public:
  // False when its connection is ending, of which the lane would hear soon: it cannot be joined.
  virtual bool is_open() const = 0;
  // True when it has sent something behind its `join`.
  virtual bool is_early() const = 0;
  // The peer's address, for the audit.
  virtual std::string source_address() const = 0;

  // Join says `joined`. True: then TLS is laid aside, and Lane::Detached or Lane::Gone follows.
  // False: it stays inside TLS; what it sends waits until it is a leg.
  virtual bool Join() = 0;

  // TakeLeg makes a connection that stays inside TLS a leg; the lane hears of it as that alone.
  virtual std::unique_ptr<Leg> TakeLeg() = 0;

  // Refuse says why it is not joined, and closes. Cut closes at once. The lane hears nothing of it
  // any more.
  virtual void Refuse(engine::CloseCode code, std::string_view text) = 0;
  virtual void Cut() = 0;

 protected:
  ~Joiner() = default;
};

// Lane is one pair of connections of a sealed session, from the moment its tokens are made until
// both connections are closed:
//
//     waiting --both claimed--> joining --both bare, or in TLS--> joined
//        |                         |                                |
//        | 10 s                    |                                | ended by the relay: 1 s
//        +-------------------------+---------> over <---------------+ one side ended: 10 s
class Lane final : private Joint::Events {
 public:
  // From the order to end a lane to the cut, while the end points may say goodbye: together with
  // all that comes before, less than a second.
  static constexpr engine::Duration kCutGrace = std::chrono::milliseconds(700);
  // How long one direction may stay open after the other has ended.
  static constexpr engine::Duration kLingerMax = std::chrono::seconds(10);

  class Owner {
   public:
    // Both sides are there, and bytes can flow.
    virtual void OnLaneJoined(Lane& lane, std::string source_address) = 0;
    // Nothing flows any more. Called once; the lane stays until OnLaneIdle.
    virtual void OnLaneOver(Lane& lane, LaneEnd end) = 0;
    // The last call: the lane can be destroyed.
    virtual void OnLaneIdle(Lane& lane) = 0;

   protected:
    ~Owner() = default;
  };

  Lane(engine::Loop& loop, const LaneGrant& grant, Owner& owner);
  ~Lane() = default;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  const LaneGrant& grant() const { return grant_; }
  bool IsOpenFor(LaneSide side) const;
  bool is_joined() const { return phase_ == Phase::kJoined; }

  // Claim takes the connection that has shown this side's token. Requires: IsOpenFor(side).
  void Claim(LaneSide side, Joiner& joiner);
  // Detached: TLS is laid aside, and the joiner is gone.
  void Detached(LaneSide side, engine::DetachedSocket detached);
  // Gone: the joiner's connection is closed. Requires: it was not refused or cut, nor is it a leg.
  void Gone(LaneSide side, std::string_view why);

  // End ends the lane because its session is over; what waits is told `code`.
  void End(engine::CloseCode code, std::string_view reason);
  // Cut is End at once.
  void Cut(std::string_view reason);

 private:
  enum class Phase : uint8_t { kWaiting, kJoining, kJoined, kOver };
  struct Side {
    Joiner* joiner = nullptr;
    bool is_claimed = false;  // The token works once.
    bool is_ready = false;    // It can be a leg: of `detached`, or else of `joiner`.
    engine::DetachedSocket detached;
  };

  void OnJointHalfOver() override;
  void OnJointOver(std::string why) override;
  void OnTimer(engine::Fired outcome);

  Side& At(LaneSide side) { return sides_[static_cast<size_t>(side)]; }
  void JoinBoth();
  void StartIfReady();
  std::unique_ptr<Leg> TakeLeg(LaneSide side);
  // Drop ends a lane that is not joined.
  void Drop(engine::CloseCode code, std::string_view reason);
  void SetDeadline(engine::Instant deadline);
  void Over(std::string reason);

  engine::Loop& loop_;
  const LaneGrant grant_;
  Owner& owner_;
  Phase phase_ = Phase::kWaiting;
  std::array<Side, 2> sides_;
  std::unique_ptr<Joint> joint_;
  std::string source_address_;  // The client's.
  std::string reason_;          // Why the relay ended it.
  bool was_joined_ = false;
  engine::Instant deadline_;
  engine::TimerOp timer_op_;
};

}  // namespace relay
