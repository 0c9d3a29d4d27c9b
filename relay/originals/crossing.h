// One direction of a session that passes as it is: stream data on its way from its sender to its
// receiver, byte for byte, each message kept until the receiver has acknowledged it.
//
//     base <= kept, or acknowledged behind a gap <= seen < base + kSpanMax
//     \__ below it everything is acknowledged
//
// What finds no room is forgotten: its sender repeats it. Nobody's word is given for it but the
// receiver's, with one exception. Clients never acknowledge a message twice, so that an
// acknowledgement which was lost with a connection never comes (P2). A message that is
// not acknowledged although a later one is (a suspect) is taken for such after kSuspicionsMax sends
// in vain: what was sent behind them was acknowledged, or kPatience has passed. And since
// connections can be cut until all that is kept is such, with nothing behind it, one that is not
// the first begins with a few messages for which there is otherwise no room (probes), as that of
// MessageSender does.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/time.h"
#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/sequence_window.h"

namespace relay {

class Crossing {
 public:
  static constexpr size_t kSpanMax = 2048;
  // Of messages that are kept and no suspects: from there on the sender should not be read ...
  static constexpr size_t kBytesMax = 384 * 1024;
  // ... and what was read of it nevertheless has room up to there; with suspects, up to the limit.
  static constexpr size_t kBytesReadMax = kBytesMax + 256 * 1024;
  static constexpr size_t kBytesLimit = kBytesReadMax + 128 * 1024;
  static constexpr size_t kProbesMax = 8;    // Of a connection.
  static constexpr size_t kUnheardMax = 32;  // Connections in a row whose probes have room.
  static constexpr uint32_t kSuspicionsMax = 20;
  static constexpr engine::Duration kSuspectPeriod = std::chrono::milliseconds(100);
  static constexpr engine::Duration kPatience = std::chrono::seconds(2);
  static constexpr size_t kRepeatsMax = 128;  // Of suspects, at once.

  // Watch sees each message once and in order, however often and in what order it comes.
  class Watch {
   public:
    virtual void OnPassing(Crossing& crossing, engine::datachannel::PayloadType type,
                           engine::ByteView payload) = 0;

   protected:
    ~Watch() = default;
  };

  explicit Crossing(Watch& watch) : watch_(watch), window_(kSpanMax + kProbesMax * kUnheardMax) {}

  enum class Verdict : uint8_t {
    kTaken,
    kAcknowledged,  // The receiver has said so before: its sender has to be told again.
    kNoRoom,
  };
  // Take takes a message; one that was passed on is passed on again. `bytes` is all of it.
  Verdict Take(const engine::datachannel::AgentMessage& message, engine::ByteView bytes);

  // Acknowledge is the receiver's word. False: no such message was passed on to it.
  bool Acknowledge(int64_t sequence, engine::Instant now);

  // Restart says that the receiver has another connection, or none: what it has not acknowledged is
  // due again.
  void Restart();

  bool HasNext();
  // Next returns a message to pass on, whole; it is valid until the next call of this object.
  // Requires: HasNext().
  struct Passing {
    engine::datachannel::PayloadType type;
    engine::ByteView bytes;
  };
  Passing Next(engine::Instant now);

  engine::Instant NextDeadline() const { return scan_at_; }
  void HandleDeadline(engine::Instant now);

  // full says that the sender should not be read.
  bool full() const {
    if (probes_left_ > 0) return false;
    return bytes_ - suspect_bytes_ >= kBytesMax ||
           end_ - window_.base() >= static_cast<int64_t>(kSpanMax / 2);
  }
  size_t unacknowledged() const { return unacknowledged_; }

 private:
  struct Kept {
    engine::datachannel::PayloadType type;
    std::string bytes;  // Until it is acknowledged and was seen.
    uint32_t sends;     // On this connection, the first and the last as these.
    uint64_t first_send;
    uint64_t last_send;
    uint32_t suspicions;
    engine::Instant last_sent;
    engine::Instant waits_since;
    bool was_sent;
    bool is_pending;
    bool is_acknowledged;
  };

  bool HasRoom(int64_t sequence, size_t size);
  void Suspect(int64_t before, const Kept& read);
  bool WasInVain(const Kept& kept, engine::Instant now) const {
    return kept.last_send < read_send_ || now - kept.waits_since >= kPatience;
  }
  void ShowNew();
  void MoveBase();
  void Settle(int64_t sequence, Kept& kept);
  void Forget(int64_t sequence, Kept& kept);
  bool HasSuspects() const { return window_.base() < highest_acknowledged_; }

  Watch& watch_;
  engine::datachannel::SequenceWindow<Kept> window_;
  int64_t end_ = 0;                    // Behind the last that came.
  int64_t shown_ = 0;                  // The first that was not seen.
  int64_t pending_from_ = 0;           // No message below it is pending.
  int64_t highest_acknowledged_ = -1;  // On this connection.
  size_t bytes_ = 0;
  size_t suspect_bytes_ = 0;  // Of those.
  size_t probes_left_ = 0;
  uint64_t send_count_ = 0;
  uint64_t read_send_ = 0;  // On this connection everything before it was read.
  size_t unacknowledged_ = 0;
  engine::Instant scan_at_ = engine::Instant::max();
};

}  // namespace relay
