// The frame multiplexer at an end point: many streams over one ordered byte connection, without
// doing any I/O.
//
//     plaintext from the peer                                plaintext for the peer
//             |                                                      ^
//             v                                                      |
//     Receive() --> FrameParser --> stream halves      GatherRecord(), RecordTaken()
//                                     |    ^                         ^
//                          StreamEvents    | Write, Finish, ...      |
//                                     v    |                         |
//                                     owner            OutputQueue: control, interactive, bulk
//
// It reads no clock, no socket and no random numbers. The same object runs in agent, client,
// simulator and fuzzer. (The relay forwards frames instead: relay/switchboard.)

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "engine/base/time.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/record_protocol.h"
#include "engine/mux/liveness.h"
#include "engine/wire/frame.h"

namespace engine {

class WindowReserve;

enum class Side : uint8_t { kConnected, kAccepted };
enum class Channel : uint8_t { kMain, kStderr };

inline constexpr uint32_t kControlQueueMax = 64;  // Control messages that wait: a stream, the link.

// A window is never granted smaller than this: one full frame.
inline constexpr uint64_t kWindowBytesFloor = 16 * 1024;

// MultiplexerOptions are the maxima. A new stream gets window_bytes_min of credit, or less when
// what is left of window_bytes_sum_max must serve the streams that may still come, or is refused
// with kTooMany when not even kWindowBytesFloor is left.
struct MultiplexerOptions {
  uint32_t streams_max = 1024;                        // Open at once, both sides' together.
  uint64_t window_bytes_min = 256 * 1024;             // Credit granted to a new stream.
  uint64_t window_bytes_max = 64 * 1024 * 1024;       // To what auto-tuning may grow it.
  uint64_t window_bytes_sum_max = 128 * 1024 * 1024;  // All streams together: bounds what we hold.
  uint32_t output_bytes_per_stream_max = 256 * 1024;  // Write takes nothing beyond this.
  WindowReserve* window_reserve = nullptr;  // Where windows may grow beyond the sum. Outlives us.
  // What is kept of what was sent, until the peer says that it has it, so that the link can resume;
  // at least kResumeBytesMin, or 0: nothing is kept, and a connection that dies ends the link.
  size_t resume_bytes_max = 0;
  bool may_rest = false;  // Asked more rarely while nothing is carried (engine/mux/liveness.h).
};

// A receiver acknowledges no later than after kAckBytesMax, so a sender must be able to keep more.
inline constexpr uint64_t kAckBytesMax = 512 * 1024;
inline constexpr size_t kResumeBytesMin = 2 * kAckBytesMax;

// StreamEvents is what a stream tells its owner. Calls come only from inside Receive,
// HandleDeadline, RecordTaken or Disconnected (and OnData once from inside Accept). A handler may
// call the multiplexer back (not those four, nor GatherRecord); it may destroy itself only in
// OnRejected and OnClosed, which are the last call, exactly one of them unless the owner calls
// Reset or Reject.
class StreamEvents {
 public:
  virtual ~StreamEvents() = default;
  // To the opener: data may flow. (It may be written before, too, and waits for this.)
  virtual void OnAccepted() {}
  // To the opener: the peer said no, or reset the stream before it said yes.
  virtual void OnRejected(CloseCode, std::string_view /*text*/) {}
  // `payload` shares the block that was received into. Call Consume once it is passed on.
  virtual void OnData(Channel channel, BufferRef payload) = 0;
  virtual void OnControl(ByteView /*message*/) {}  // In order with the data around it.
  virtual void OnWritable() {}    // Write took less than asked; now it may take more.
  virtual void OnFinished() = 0;  // The peer sends no more data. We still may.
  // Both halves finished and everything was handed over (kNormal), or the stream was reset by the
  // peer, or the link ended. What was not consumed yet stays the owner's, who bounds it. Not called
  // for our own Reset.
  virtual void OnClosed(CloseCode code, std::string_view text) = 0;
};

// LinkEvents is what the link as a whole tells its owner.
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  // The peer opens a stream: answer with Accept or Reject, now or later. `request` is JSON, not yet
  // looked at. Views are valid during the call.
  virtual void OnOpen(StreamId id, Priority priority, ByteView request) = 0;
  // On stream 0. The first one should be the hello: who cannot decode it or cannot agree on a
  // version calls Goaway and lets the carrier close after output.
  virtual void OnControl(ByteView message) = 0;
  virtual void OnGoaway(CloseCode code, std::string_view text) = 0;
  // The peer broke the protocol or went silent. All streams were closed; a goaway is queued and
  // the carrier was told to close after it.
  virtual void OnFailed(CloseCode code, std::string_view text) = 0;
  // Of a link that can_resume(): nothing was heard for too long. Close the connection, then
  // Suspend.
  virtual void OnStalled() {}
};

class Multiplexer final : public RecordProtocol {
 public:
  Multiplexer(Side side, const MultiplexerOptions& options, LinkEvents& events, BufferPool& pool,
              Instant now);
  ~Multiplexer() override;  // Requires: no call of this object is on the stack.
  Multiplexer(const Multiplexer&) = delete;
  Multiplexer& operator=(const Multiplexer&) = delete;

  // Attach names the connection to wake; before it, output only queues.
  void Attach(RecordCarrier& carrier);

  void Receive(BufferRef plaintext, Instant now) override;
  size_t GatherRecord(std::span<ByteView> slices, Instant now) override;
  void RecordTaken() override;
  Instant NextDeadline() const override;
  void HandleDeadline(Instant now) override;

  // Disconnected ends every stream with OnClosed(code): the connection is gone.
  void Disconnected(CloseCode code, std::string_view text);

  // Probe asks whether the peer is still there, since something has happened that it may not have
  // survived: unless it is heard within `patience`, it is silent, as when it was so for long.
  // Nothing where it is not awaited. Not from inside a handler.
  void Probe(Duration patience, Instant now);

  // KeepAwake says whether somebody counts on this link though it may carry nothing: then it does
  // not rest, even without a stream. Not from inside a handler.
  void KeepAwake(bool is_needed, Instant now);

  // A link outlives its connection when both sides keep what they have sent. Each counts the bytes
  // of the link, from its hello on, in both directions; what is said on a new connection before the
  // link goes on there is not counted, and not this object's.
  //
  //     running --Suspend--> suspended --Resume--> running

  // PeerResumes is called once, when the peer's hello says whether it resumes. Until then what is
  // sent is kept, and from then on only if it does.
  void PeerResumes(bool does);
  // PeerTakesEarly is called before the first stream, when both hellos say that some data may
  // follow an open at once. Then the opener's first data leaves without a round trip of
  // waiting.
  void PeerTakesEarly();
  // can_resume is true when both sides keep what they send and the link is not over.
  bool can_resume() const;
  bool suspended() const;

  // Suspend: the connection is gone, and another one may come. Streams wait; what was gathered and
  // not taken is sent again. Requires: can_resume(), and as for Receive.
  void Suspend();

  // The bytes of the link that we have: what the peer is told to go on from.
  uint64_t received_position() const;

  // Resume goes on over `carrier`, from the byte that the peer says it is at; `preface`, if any, is
  // gathered first, as it is. False, and still suspended: that byte is not kept, or was never sent;
  // the peer is not who it was. Requires: suspended().
  [[nodiscard]] bool Resume(uint64_t peer_position, ByteView preface, RecordCarrier& carrier,
                            Instant now);

  // Open starts a stream; `events` hears of it until OnRejected or OnClosed. Returns kLinkStream,
  // and keeps no reference to `events`, when a maximum is reached (streams_max, windows, link
  // frames that wait), after a goaway of either side, or when the link is over. Requires: our hello
  // was sent; request.size() is 1 to kOpenRequestMax.
  StreamId Open(Priority priority, ByteView request, StreamEvents& events);

  // Accept and Reject answer an OnOpen, once. An id that closed meanwhile is ignored by Reject;
  // Accept then returns false and keeps no reference to `events`. Data that came early is handed to
  // events.OnData before Accept returns true, even if that ended the stream; Reject drops it.
  bool Accept(StreamId id, StreamEvents& events);
  void Reject(StreamId id, CloseCode code, std::string_view text);

  // The calls below ignore a stream that is closed already: the owner may not know yet.

  // Write queues, by reference, as much of `payload` as the queue's maximum allows, and returns how
  // many bytes that was. A short count means: wait for OnWritable. (Credit holds data in the queue;
  // it is not the caller's concern.) Payloads smaller than an eighth of a block are copied together
  // when they have to wait behind others, so that they do not pin a block each. On a closed stream
  // everything is taken and dropped. Requires: Finish was not called.
  size_t Write(StreamId id, Channel channel, BufferRef payload);

  // Writable is how many bytes Write would take now; 0 on a closed stream.
  size_t Writable(StreamId id) const;

  // Consume returns credit for `size` bytes of OnData. Requires: they were not consumed before.
  void Consume(StreamId id, size_t size);

  // SendControl queues one control message: on a stream in order with its data (also after Finish),
  // on kLinkStream before all streams. False when kControlQueueMax messages wait already. The first
  // one on kLinkStream must be our hello. Requires: json.size() is 1 to kControlSizeMax.
  [[nodiscard]] bool SendControl(StreamId id, std::string_view json);

  // Finish half-closes: we send no more data; what is queued still goes. A second one is ignored.
  void Finish(StreamId id);

  // Reset ends both directions now and drops what is queued; `events` is not called any more. For a
  // stream that was not answered yet it is Reject.
  void Reset(StreamId id, CloseCode code, std::string_view text = {});

  // Goaway tells the peer that no stream opens any more and refuses its opens with kShuttingDown.
  // Running streams go on.
  void Goaway(CloseCode code, std::string_view text);

  size_t stream_count() const;
  uint64_t received_bytes() const;  // Payload of data frames, both counts for audit and tests.
  uint64_t sent_bytes() const;
  uint64_t window_bytes_sum() const;  // Credit granted to all streams together.
  Duration round_trip() const;        // The least recently measured; zero before the first.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace engine
