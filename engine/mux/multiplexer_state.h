// The inside of Multiplexer: included by multiplexer.cc (the owner's calls), multiplexer_state.cc
// (streams, windows and the link) and multiplexer_receive.cc (the peer's frames), and by nothing
// else.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "engine/mux/frame_parser.h"
#include "engine/mux/intrusive_list.h"
#include "engine/mux/liveness.h"
#include "engine/mux/multiplexer.h"
#include "engine/mux/output_queue.h"
#include "engine/mux/peer_error.h"
#include "engine/mux/slab.h"
#include "engine/mux/stream.h"

namespace engine {

// Link frames that may wait: opens and answers are small.
inline constexpr size_t kLinkBytesBase = 128 * 1024;

// Why a link ends whose control frames pile up.
inline constexpr std::string_view kUnreadText = "the peer does not read the answers to its frames";

// Invariants, checked by Verify:
//   streams_ and all_ hold the same streams, at most streams_max;
//   window_bytes_sum_ is the sum of their windows, at most window_bytes_sum_max and what was
//   borrowed from the reserve;
//   every stream in them keeps its own invariants.
// No pointer to a stream is held across a call of a handler: the handler may have reset it.
struct Multiplexer::State final : public OutputQueue::Events {
  // kRunning --Fail--> kFailed: a goaway is queued, nothing is received. Either way to kGone.
  enum class Phase : uint8_t { kRunning, kFailed, kGone };

  State(Side side, const MultiplexerOptions& options, LinkEvents& events, BufferPool& pool,
        Instant now);
  ~State();

  // What the peer sends (multiplexer_receive.cc). Each returns the rule that was broken, if any.
  void Receive(BufferRef plaintext);
  PeerError ReceiveFrame(FrameParser::Frame& frame);
  PeerError ReceiveOpen(const FrameHeader& header, ByteView payload);
  PeerError ReceiveAnswer(const FrameHeader& header, ByteView payload);
  PeerError ReceiveData(const FrameHeader& header, BufferRef data);
  PeerError ReceiveEarly(Stream& stream, BufferRef data);
  PeerError ReceiveControl(const FrameHeader& header, ByteView payload);
  PeerError ReceiveFinish(const FrameHeader& header, ByteView payload);
  PeerError ReceiveReset(const FrameHeader& header, ByteView payload);
  PeerError ReceiveCredit(const FrameHeader& header, ByteView payload);
  PeerError ReceivePing(const FrameHeader& header, ByteView payload);
  PeerError ReceiveAck(ByteView payload);
  PeerError CheckClosed(StreamId id) const;

  // Streams.
  bool IsOurs(StreamId id) const;
  Stream* Find(StreamId id);
  // MakeStream returns nullptr at a maximum.
  Stream* MakeStream(StreamId id, Priority priority, Stream::Opener opener);
  void DestroyStream(Stream& stream);
  void CountUsers();  // Says to liveness_ whether somebody counts on this link.
  // CloseIfOver ends a stream whose halves are both over; `stream` may be gone afterwards.
  void CloseIfOver(Stream& stream);
  void EndStreams(CloseCode code, std::string_view text);
  uint64_t GrantWindow() const;
  // WindowLeft is what windows may still take of our own sum and what was borrowed.
  uint64_t WindowLeft() const;
  // WindowWanted is how large the way to the peer needs a window; GrowthGranted how much of what it
  // is to grow it may.
  uint64_t WindowWanted(const ReceiveWindow& window) const;
  uint64_t GrowthGranted(uint64_t wanted);
  void ReturnBorrowed();
  void PushClose(FrameType type, StreamId id, CloseCode code, std::string_view text);

  // The link.
  void Fail(CloseCode code, std::string_view text);
  // FailLater is Fail for calls of the owner, in which no handler may be called: it happens when
  // the Receive, RecordTaken or HandleDeadline that is running, or the next one, ends.
  void FailLater(PeerError error) { failing_ = error; }
  void Ping();
  void CheckLiveness();
  // is_awaited: there is a connection, and the peer is to be heard on it.
  bool is_awaited() const { return phase_ == Phase::kRunning && !is_suspended_ && !is_stalled_; }
  void Acknowledge();
  void Wake();
  // Enter and Leave enclose the entry points that call handlers. Leave does what waited for it.
  void Enter(Instant now);
  void Leave();
  // Changed ends every other call: there may be something to send.
  void Changed();
  void Verify();

  // OutputQueue::Events.
  void OnOutputTaken(StreamOutput& output) override;
  Credit GatherCredit(StreamOutput& output) override;

  const Side side_;
  const MultiplexerOptions options_;
  LinkEvents& events_;
  BufferPool& pool_;
  RecordCarrier* carrier_ = nullptr;
  Instant now_;
  Phase phase_ = Phase::kRunning;
  PeerError failing_;
  bool is_inside_ = false;  // An entry point that calls handlers is on the stack.
  bool is_hello_sent_ = false;
  bool is_hello_received_ = false;
  bool is_goaway_sent_ = false;
  bool is_goaway_received_ = false;
  bool resumes_ = false;  // Both sides keep what they send.
  bool is_kept_awake_ = false;
  bool takes_early_ = false;  // Both sides take a frame of data before they have answered.
  bool is_suspended_ = false;
  bool is_stalled_ = false;           // OnStalled was called for this connection.
  std::string preface_;               // Of a connection on which the link goes on.
  bool is_preface_gathered_ = false;  // It is the record that is being taken.
  uint64_t received_position_ = 0;
  uint64_t acknowledged_position_ = 0;  // Of received_position_: what the peer knows, or will.
  std::unique_ptr<SentLog> log_;        // Outlives output_, which appends to it.
  uint64_t next_id_;                    // Of our next stream; 64 bits, so that it can run out.
  uint32_t newest_peer_id_ = 0;         // Ids of the peer only grow.
  uint64_t window_bytes_sum_ = 0;
  uint64_t window_bytes_borrowed_ = 0;
  uint64_t received_bytes_ = 0;
  FrameParser parser_;
  Liveness liveness_;
  OutputQueue output_;
  Slab<Stream, 16> stream_slab_;
  absl::flat_hash_map<uint32_t, Stream*> streams_;
  IntrusiveList<Stream, &Stream::all_links> all_;
  uint32_t verify_count_ = 0;
};

}  // namespace engine
