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
#include <optional>
#include <string_view>

#include "engine/base/time.h"

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
// The window tunes itself to the bandwidth-delay product as QUIC implementations do (quiche,
// QuicFlowController::MaybeIncreaseMaxWindowSize): when half the window was consumed in less than
// two round trips, the window, not the reader, is what slows the stream, and it doubles. It settles
// between two and four times the product, and never grows for a reader that is slower than the
// network.
//
// Credit is renewed when half of a small window was consumed, but from kRenewedMin on an eighth of
// a large one is enough: a sender that has to wait for halves sends them in bursts, a round trip
// apart, and so gets half of what the window could carry.
//
// Invariants: consumed_ <= received_ <= limit_; received_ - consumed_ <= window_; window_ and
// limit_ never get smaller.
class ReceiveWindow {
 public:
  static constexpr uint64_t kRenewedMin = 256 * 1024;

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

  // GrowthWanted returns by how many bytes the window should grow before the credit that is due is
  // sent; 0 when it is large enough, at `window_max`, or no round trip was measured yet.
  uint64_t GrowthWanted(Instant now, std::optional<Duration> round_trip, uint64_t window_max) const;

  void Grow(uint64_t size);

  // Renew moves the limit and returns what the CREDIT frame says.
  Credit Renew(Instant now);

 private:
  uint64_t TargetLimit() const;

  uint64_t window_;
  uint64_t received_;
  uint64_t consumed_;
  uint64_t limit_;
  // What is measured to tell whether the window is too small: how long it takes to consume half of
  // it, from one renewal on.
  std::optional<Instant> measured_since_;
  uint64_t measured_from_ = 0;  // consumed_ then.
  uint64_t measured_size_ = 0;  // Half of the window then.
};

}  // namespace engine
