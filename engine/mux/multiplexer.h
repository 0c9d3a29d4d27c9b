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
#include "engine/wire/frame.h"

namespace engine {

enum class Side : uint8_t { kConnected, kAccepted };
enum class Priority : uint8_t { kInteractive, kBulk };
enum class Channel : uint8_t { kMain, kStderr };

struct MultiplexerOptions {
  uint32_t streams_max = 1024;                        // Open at once, both sides' together.
  uint64_t window_bytes_min = 256 * 1024;             // Credit granted to a new stream.
  uint64_t window_bytes_max = 8 * 1024 * 1024;        // To what auto-tuning may grow it.
  uint64_t window_bytes_sum_max = 128 * 1024 * 1024;  // All streams together: bounds what we hold.
  uint32_t output_bytes_per_stream_max = 256 * 1024;  // Write takes nothing beyond this.
  Duration ping_interval = std::chrono::seconds(5);   // When nothing was heard for this long.
  Duration silence_max = std::chrono::seconds(15);    // Then the link is given up: kSilent.
};

// StreamEvents is what a stream tells its owner. Calls come only from inside Receive,
// HandleDeadline, RecordTaken or Disconnected. A handler may call the multiplexer back; it may
// destroy itself only in OnRejected and OnClosed, which are the last call, exactly one of them.
class StreamEvents {
 public:
  virtual ~StreamEvents() = default;
  virtual void OnAccepted() {}  // To the opener: data may flow (it may be written before, too).
  virtual void OnRejected(CloseCode, std::string_view /*text*/) {}
  // `payload` shares the block that was received into. Call Consume once it is passed on.
  virtual void OnData(Channel channel, BufferRef payload) = 0;
  virtual void OnControl(ByteView /*message*/) {}  // In order with the data around it.
  virtual void OnWritable() {}    // Write took less than asked; now it may take more.
  virtual void OnFinished() = 0;  // The peer sends no more data. We still may.
  // Both halves finished and everything was handed over (kNormal), or the stream was reset by the
  // peer, or the link ended. Not called for our own Reset.
  virtual void OnClosed(CloseCode code, std::string_view text) = 0;
};

// LinkEvents is what the link as a whole tells its owner.
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  // The peer opens a stream: answer with Accept or Reject, now or later. `request` is JSON.
  virtual void OnOpen(StreamId id, Priority priority, ByteView request) = 0;
  virtual void OnControl(ByteView message) = 0;  // On stream 0; the first one is the hello.
  virtual void OnGoaway(CloseCode code, std::string_view text) = 0;
  // The peer broke the protocol or went silent. All streams were closed; a goaway is queued and
  // the carrier was told to close after it.
  virtual void OnFailed(CloseCode code, std::string_view text) = 0;
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

  // Open starts a stream; `events` hears of it until OnRejected or OnClosed. Returns kLinkStream
  // when streams_max is reached, or after a goaway. Requires: request.size() <= 8 KiB.
  StreamId Open(Priority priority, ByteView request, StreamEvents& events);

  // Accept and Reject answer an OnOpen. An id that closed meanwhile is ignored by Reject; Accept
  // then returns false and keeps no reference to `events`.
  bool Accept(StreamId id, StreamEvents& events);
  void Reject(StreamId id, CloseCode code, std::string_view text);

  // The calls below ignore a stream that is closed already: the owner may not know yet.

  // Write queues, by reference, as much of `payload` as the queue's maximum allows, and returns how
  // many bytes that was. A short count means: wait for OnWritable. (Credit holds data in the queue;
  // it is not the caller's concern.)
  size_t Write(StreamId id, Channel channel, BufferRef payload);

  // Writable is how many bytes Write would take now.
  size_t Writable(StreamId id) const;

  // Consume returns credit for `size` bytes of OnData.
  void Consume(StreamId id, size_t size);

  // SendControl queues one control message: on a stream in order with its data, on kLinkStream
  // before all streams. False when kControlQueueMax messages wait already.
  bool SendControl(StreamId id, std::string_view json);

  void Finish(StreamId id);  // Half-close: we send no more data; what is queued still goes.
  void Reset(StreamId id, CloseCode code, std::string_view text = {});

  // Goaway tells the peer that no stream opens any more and refuses its opens with kShuttingDown.
  // Running streams go on.
  void Goaway(CloseCode code, std::string_view text);

  size_t stream_count() const;
  uint64_t received_bytes() const;  // Payload of data frames, both counts for audit and tests.
  uint64_t sent_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace engine
