// Flow control of one stream, one direction: pure arithmetic on absolute offsets.
//
//     sender                                            receiver
//     sent ----------- DATA ------------------------->  received
//     limit  <-------- CREDIT{received, limit} -------  consumed + window
//
//     0 ....... received ....... sent ....... limit ....... 2^64 - 1
//               (all of it is    (may not pass limit)
//                with the peer)
//
// Offsets count the bytes of both channels of a stream, from 0 at its start, and never wrap: at
// 2^64 - 1 a stream is full. Absolute numbers can be lost, repeated and resumed without harm.

#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/time.h"
#include "engine/mux/delivery_rate.h"

namespace engine {

// Credit is the payload of a CREDIT frame.
struct Credit {
  uint64_t received = 0;  // The receiver has everything before this offset.
  uint64_t limit = 0;     // The sender may send everything before this offset.
};

enum class CreditError : uint8_t {
  kNone,
  kReceivedBeyondSent,  // The peer acknowledges what was never sent.
  kReceivedWentBack,
  kLimitWentBack,  // A promise is kept.
  kLimitBelowReceived,
};

// CreditErrorText returns which rule a CREDIT frame broke.
std::string_view CreditErrorText(CreditError error);

// SendWindow is the sender's side.
//
// Invariant: received_ <= sent_ <= limit_.
class SendWindow {
 public:
  SendWindow() = default;
  explicit SendWindow(uint64_t limit) : limit_(limit) {}

  uint64_t sent() const { return sent_; }
  uint64_t received() const { return received_; }
  uint64_t limit() const { return limit_; }
  uint64_t available() const { return limit_ - sent_; }

  // Send counts `size` bytes as sent. Requires: size <= available().
  void Send(uint64_t size);

  // Update takes what the peer says, all of it or, when it is a lie, nothing.
  [[nodiscard]] CreditError Update(Credit credit);

 private:
  uint64_t received_ = 0;
  uint64_t sent_ = 0;
  uint64_t limit_ = 0;
};

// ReceiveWindow is the receiver's side. The window is how many bytes beyond what its owner has
// consumed the sender may send: at most that much is ever held.
//
// The window tunes itself to the way: it gets as large as what must be under way for the rate that
// is delivered (delivery_rate.h), and gives up again what only fills a queue. Credit that was given
// is kept: while a window gets smaller, nothing is renewed until what may still come has become
// that small.
//
// Credit is renewed when half of a small window was consumed, but from kRenewedMin on a sixteenth
// of a large one is enough: a sender that has to wait for halves sends them in bursts, a round trip
// apart, and so gets half of what the window could carry.
//
// Invariants: consumed_ <= received_ <= limit_; limit_ - consumed_ <= window_; wanted_ <= window_;
// limit_ never gets smaller.
class ReceiveWindow {
 public:
  static constexpr uint64_t kRenewedMin = 128 * 1024;

  // `offset` is where the stream starts; 0 except in resumed streams and tests.
  explicit ReceiveWindow(uint64_t window, uint64_t offset = 0);

  uint64_t received() const { return received_; }
  uint64_t consumed() const { return consumed_; }
  uint64_t limit() const { return limit_; }
  uint64_t window() const { return window_; }

  // Receive counts `size` bytes that arrived. False, and nothing counted: beyond the limit.
  [[nodiscard]] bool Receive(uint64_t size);

  // Consume counts `size` bytes as passed on. Requires: size <= received() - consumed().
  void Consume(uint64_t size);

  // IsCreditDue is true when a CREDIT frame would renew enough of the window.
  bool IsCreditDue() const;

  // Needed returns how large the way needs the window, with what waits to be renewed; 0 while
  // nothing was measured.
  uint64_t Needed(Duration round_trip) const;

  // Grow makes the window larger. Requires: it is not about to get smaller.
  void Grow(uint64_t size);

  // Resize lets the window become `size` bytes, at most what it is: less is given up as the credit
  // that was given is used.
  void Resize(uint64_t size);

  // TakeReleased returns by how many bytes the window has become smaller since the last call: what
  // nobody may send any more.
  uint64_t TakeReleased();

  // Measure takes part in measuring the rate. Call it before each Renew.
  void Measure(Instant now, Duration round_trip) { rate_.Measure(consumed_, now, round_trip); }

  // ForgetRate says that the bytes come another way from now on.
  void ForgetRate() { rate_ = {}; }

  // Renew moves the limit and returns what the CREDIT frame says.
  Credit Renew();

 private:
  uint64_t TargetLimit() const;
  uint64_t RenewedAtOnce() const;

  uint64_t window_;
  uint64_t wanted_;  // What it is to become: window_, unless it gets smaller.
  uint64_t received_;
  uint64_t consumed_;
  uint64_t limit_;
  DeliveryRate rate_;
};

}  // namespace engine
