// The sending half of a data channel: messages are numbered, kept until each is acknowledged, and
// repeated.
//
//     base <= acknowledged with gaps <= highest acknowledged < in flight, then not yet sent < next
//             \______ suspects _____/                         \___ at most in_flight_max ___/
//     \___________________________________ at most span_max
//     _______________________________________/
//
// An acknowledgement speaks of one message alone, and real clients never acknowledge a message
// twice: when the acknowledgement of a message that they took is lost with a connection, it never
// comes. So a message that is not acknowledged although a later one is (a suspect) does not count
// as in flight, and after kSuspicionsMax sends that were in vain it is taken for delivered. That
// is sound because a receiver takes what it is missing whenever it comes, and has room for what is
// behind: real ones keep 10,000 messages and more, ours as many as our span_max.
//
// Connections can be cut faster than suspects are given up, until the window is full of messages
// that were all taken and of which no acknowledgement will ever speak. So suspicions are counted
// over connections, and one that is not the first may begin with a few messages for which there is
// otherwise no room (probes): what is acknowledged of them makes suspects of all before them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/random.h"
#include "engine/base/time.h"
#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/round_trip.h"
#include "engine/datachannel/sequence_window.h"

namespace engine::datachannel {

struct SenderOptions {
  size_t in_flight_max = 512;  // Real clients put 10,000 in order; one second of them is enough.
  size_t span_max = 2048;
  size_t probes_max = 8;  // Of a connection, beyond the span if need be.
  // A message that is repeated for so long on one connection makes the channel undeliverable. Real
  // clients end the session after five minutes, real machines never.
  Duration repeats_max = Duration::max();
};

class MessageSender {
 public:
  static constexpr Duration kScanPeriod = std::chrono::milliseconds(100);
  static constexpr Duration kTimeoutMin = std::chrono::milliseconds(200);
  // How many messages one scan repeats: a burst, for after a cut all of them are missing.
  static constexpr size_t kScanRepeatsMax = 16;
  static constexpr size_t kUrgentRepeatsMax = 128;  // While nobody can go on without them.
  static constexpr uint32_t kSuspicionsMax = 20;
  // There is room for the probes of so many connections in a row that end unheard.
  static constexpr size_t kUnheardMax = 32;
  // Any other message that was sent so often is repeated ever less, down to once in kPatienceMax:
  // the last ones of a client that took them and will never say so must not cost a connection for
  // good.
  static constexpr uint32_t kEagerSendsMax = 10;
  static constexpr Duration kPatienceMax = std::chrono::seconds(10);

  // `type` is that of all messages; `seed` makes their ids.
  MessageSender(MessageType type, const SenderOptions& options, uint64_t seed);

  // HasRoom says whether Push may be called.
  bool HasRoom() const;

  // Push numbers and keeps one message. It is kept before it is sent, so that no acknowledgement
  // can come too early. Requires: HasRoom(), and 1 to kStreamPayloadMax bytes.
  void Push(PayloadType type, ByteView payload);

  // Next fills `out` with the next message to send, as sent at `now`, or returns false: there is
  // none. Its payload stays until the next call. `created_ms` is unix time; a message keeps that of
  // its first sending.
  bool Next(Instant now, uint64_t created_ms, AgentMessage& out);
  bool HasNext();

  // Acknowledged takes a foreign number: one that is not waited for changes nothing.
  void Acknowledged(int64_t sequence, Instant now);

  // Restart says that a new connection begins: everything not acknowledged is sent again, in order.
  void Restart();

  // A stopped sender sends and repeats nothing: there is no connection, or the service asked so.
  void set_stopped(bool is_stopped) { is_stopped_ = is_stopped; }

  Instant NextDeadline() const;
  void HandleDeadline(Instant now);

  bool empty() const { return window_.count() == 0; }
  size_t count() const { return window_.count(); }  // That are not acknowledged yet.
  bool undeliverable() const { return is_undeliverable_; }
  const RoundTrip& round_trip() const { return round_trip_; }
  uint64_t sent_count() const { return sent_count_; }
  uint64_t repeated_count() const { return repeated_count_; }

 private:
  struct Kept {
    MessageId id;
    uint64_t created_ms;  // 0 until it is sent.
    PayloadType type;
    std::string payload;
    Instant first_sent;  // On this connection ...
    Instant last_sent;
    uint32_t sends;  // ... as these.
    uint32_t all_sends;
    uint32_t suspicions;  // Sends after which a later message was acknowledged, and not this one.
    bool is_pending;      // To be sent as soon as there is a chance.
  };

  void Forget(int64_t sequence);
  Duration TimeoutOf(const Kept& kept, int64_t sequence) const;
  bool IsSuspect(int64_t sequence) const { return sequence < highest_acknowledged_; }
  bool HasOrdinaryRoom() const;
  bool IsSpanUsedUp() const { return next_ - window_.base() >= span_; }
  // SkipToPending moves pending_from_ to the next message that is pending, or to next_.
  void SkipToPending();

  const MessageType type_;
  const SenderOptions options_;
  Random random_;
  RoundTrip round_trip_;
  SequenceWindow<Kept> window_;
  int64_t next_ = 0;
  int64_t pending_from_ = 0;           // No message below it is pending.
  int64_t highest_acknowledged_ = -1;  // On this connection.
  size_t suspect_count_ = 0;
  const int64_t span_;
  size_t probes_left_ = 0;  // While nothing was acknowledged on this connection.
  bool is_stopped_ = false;
  bool is_undeliverable_ = false;
  Instant next_scan_ = Instant::max();
  uint64_t sent_count_ = 0;
  uint64_t repeated_count_ = 0;
};

}  // namespace engine::datachannel
