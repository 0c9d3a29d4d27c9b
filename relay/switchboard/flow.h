// One direction of a circuit: the arithmetic of forwarded credit.
//
//   sender --data--> [ held here ] --data--> receiver
//   sender <------- credit: received, limit ------- receiver
//
// Offsets are end to end: the relay counts with them and never changes them. It caps the limit, so
// that what it holds of a stream is bounded, and it never claims that bytes were received. With
// `receiver` for the window towards the receiver (its sent() is what left the relay):
//
//   receiver.sent() <= received <= granted <= min(receiver.limit(), receiver.sent() + held_max)

#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/mux/credit.h"

namespace relay {

class Flow {
 public:
  // `held_max` is what the relay holds of this direction at most; see LinkBudget.
  explicit Flow(uint64_t held_max) : held_max_(held_max) {}

  enum class Verdict : uint8_t {
    kOk,
    kBeyondLimit,  // Data that was not granted.
    kAfterFinish,  // Data, or a second finish, after the first.
    kWrongFinish,  // A finish whose offset is not the number of bytes sent.
  };

  // Received counts data that came from the sender.
  Verdict Received(uint64_t size) {
    if (finished_) return Verdict::kAfterFinish;
    if (size > granted_ - received_) return Verdict::kBeyondLimit;
    received_ += size;
    return Verdict::kOk;
  }

  // Finished counts the sender's finish.
  Verdict Finished(uint64_t final_offset) {
    if (finished_) return Verdict::kAfterFinish;
    if (final_offset != received_) return Verdict::kWrongFinish;
    finished_ = true;
    return Verdict::kOk;
  }

  // IsCreditDue is true when data left the relay and made enough room for more. (What the receiver
  // itself says is passed on at once; see SwitchPort.)
  bool IsCreditDue(const engine::SendWindow& receiver) const {
    return Cap(receiver) - granted_ >= grant_step();
  }

  // Grant returns what the sender is told now: in the first limit, or in a credit frame.
  engine::Credit Grant(const engine::SendWindow& receiver) {
    granted_ = Cap(receiver);
    return {receiver.received(), granted_};
  }

  // A limit that our cap held back is told when it moved by this much: with the largest cap, one
  // small frame for every 16 large ones.
  uint64_t grant_step() const { return held_max_ / 4; }
  uint64_t received() const { return received_; }
  bool finished() const { return finished_; }

 private:
  // Never below granted_: both of its terms only grow.
  uint64_t Cap(const engine::SendWindow& receiver) const {
    return std::min(receiver.limit(), receiver.sent() + held_max_);
  }

  const uint64_t held_max_;
  uint64_t received_ = 0;  // From the sender.
  uint64_t granted_ = 0;   // The limit that the sender was told.
  bool finished_ = false;  // The sender sends no more.
};

}  // namespace relay
