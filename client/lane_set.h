// Which lane of a session a new connection goes on.
//
// A stream stays on one lane, and what it sends there waits behind what the lane has sent already:
// a keystroke beside bulk waits for the bulk's whole window on a slow network. So a new stream goes
// where no bulk runs, and of those where the fewest streams are. What a stream will become is not
// known when it opens; it is bulk once it has moved much without a pause.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/base/time.h"
#include "engine/wire/control.h"

namespace client {

// BulkMeter says whether one stream is bulk, by what it moves, both ways together.
class BulkMeter {
 public:
  // What an interactive program hardly moves in one go, and a slow network carries in seconds.
  static constexpr size_t kBulkBytes = 256 * 1024;
  // After this long without a byte the counting starts anew.
  static constexpr engine::Duration kPause = std::chrono::milliseconds(500);

  // Add counts, and returns true while the stream is bulk.
  bool Add(size_t bytes, engine::Instant now) {
    if (now - last_ > kPause) burst_bytes_ = 0;
    last_ = now;
    burst_bytes_ += bytes;
    return burst_bytes_ >= kBulkBytes;
  }

 private:
  engine::Instant last_{};
  uint64_t burst_bytes_ = 0;
};

// LocalConnection is an accepted connection on its way to a lane, which may be on another thread;
// no loop has it.
struct LocalConnection {
  int descriptor = -1;
  uint32_t refused = 0;  // By these lanes, a bit for each.
};

// LaneDoor is how connections get to a lane.
class LaneDoor {
 public:
  // Take makes a stream of a connection, or gives it back; the answer comes later.
  virtual void Take(LocalConnection connection) = 0;
  // Shut resets every connection of the lane.
  virtual void Shut() = 0;

 protected:
  ~LaneDoor() = default;
};

class LaneSet {
 public:
  static constexpr size_t kLanesMax = engine::kLanesMax;
  // How long after its last byte of bulk a lane is still taken to be busy.
  static constexpr engine::Duration kBusyAfterBulk = std::chrono::seconds(1);

  class Events {
   public:
    // Bulk has just moved and no lane is free of it. Called often while that lasts.
    virtual void OnEveryLaneBusy() = 0;

   protected:
    ~Events() = default;
  };

  explicit LaneSet(Events& events) : events_(events) {}

  // Add names one more lane and returns its number, the smallest that is free. Requires: fewer than
  // kLanesMax were added and not removed; `door` lives until Remove.
  size_t Add(LaneDoor& door);
  // Close: the lane takes nothing new. Remove: nothing of it is left.
  void Close(size_t lane);
  void Remove(size_t lane);

  // Choose returns the lane for a new stream, of those that are not in `refused` (a bit for each);
  // nothing, when none is left.
  std::optional<size_t> Choose(engine::Instant now, uint32_t refused = 0) const;

  // Took and Left count the connections of a lane.
  void Took(size_t lane);
  void Left(size_t lane);

  // NoteBulk says that a stream of this lane, which is bulk, has just moved bytes.
  void NoteBulk(size_t lane, engine::Instant now);

  // ShutAll resets every connection.
  void ShutAll();

  bool IsBusy(size_t lane, engine::Instant now) const;
  size_t count() const { return count_; }  // Of those that are open.
  LaneDoor& door(size_t lane) { return *lanes_[lane].door; }

 private:
  struct Lane {
    LaneDoor* door = nullptr;  // Null: the number is free.
    bool open = false;
    size_t connections = 0;
    bool had_bulk = false;
    engine::Instant bulk_at{};
  };
  static_assert(kLanesMax <= 32, "a bit of a uint32_t for each lane");

  Events& events_;
  std::array<Lane, kLanesMax> lanes_;
  size_t count_ = 0;
};

}  // namespace client
