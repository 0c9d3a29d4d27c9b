// The streams of a multiplexed port session, as either side: the client opens one for each local
// connection, the machine dials the target for each.
//
// smux 1 has no flow control of its own, so both directions are bounded here. What a stream's owner
// does not take waits in its backlog; when one backlog is full, or all of them together, CanReceive
// says no, and whoever feeds the session stops reading: the peer then stands still as a whole,
// which is all that this protocol allows. What a stream's owner writes is taken up to
// stream_output_max, and streams that have something to say take turns, one message each.
//
// Real programs close a stream as a whole when they hear its FIN. Here the directions end one by
// one, so that a peer that can do with half a connection has it; an owner may Abort what is left.
//
// Keep-alives are read and never sent: real clients go without them when the machine's version is
// later than 3.1.1511.0, and one that comes too early breaks them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/bytes.h"
#include "engine/base/intrusive_queue.h"
#include "engine/datachannel/byte_fifo.h"
#include "engine/datachannel/smux_frame.h"

namespace engine::datachannel {

struct SmuxOptions {
  size_t streams_max = 1'000;
  size_t stream_backlog_max = 256 * 1024;
  size_t backlogs_max = 4 * 1024 * 1024;  // Of all streams together, as in real programs.
  size_t stream_output_max = 16 * 1024;
};

class SmuxSession {
 public:
  enum class Side : uint8_t { kClient, kMachine };

  // Handler may call anything of the session but Receive and Gather in these, and must not destroy
  // it.
  class Handler {
   public:
    virtual ~Handler() = default;
    // The peer opened a stream; only a machine hears this.
    virtual void OnOpened(uint32_t id) = 0;
    // OnData returns how many of the bytes it took, from the front. The rest is offered again after
    // Resume.
    virtual size_t OnData(uint32_t id, ByteView bytes) = 0;
    // The peer sends no more data on this stream, and all of it was taken.
    virtual void OnFinished(uint32_t id) = 0;
    // After Write took less than it was given: at most half of stream_output_max waits now.
    virtual void OnRoom(uint32_t id) = 0;
  };

  // Streams that were refused (streams_max) and not told so yet. A peer that opens more before it
  // reads breaks the session.
  static constexpr size_t kRefusedMax = 256;

  SmuxSession(Side side, const SmuxOptions& options, Handler& handler)
      : side_(side), options_(options), handler_(handler) {}

  // Receive takes bytes of the peer, which may end anywhere inside a frame. False: they are no
  // frames, or break a bound; the session is over, and nothing else is read.
  bool Receive(ByteView bytes);

  // CanReceive says whether more should be read. What is received all the same is taken.
  bool CanReceive() const { return full_count_ == 0 && backlog_bytes_ < options_.backlogs_max; }

  // Resume offers the stream's backlog to OnData again.
  void Resume(uint32_t id);

  // Open returns the id of a new stream, or 0 when there are streams_max, or none are left.
  // Requires: the side of the client.
  uint32_t Open();

  // Write returns how many of the bytes it took. Requires, as all below: a stream of this id that
  // was opened, not finished by us, and not aborted.
  size_t Write(uint32_t id, ByteView bytes);

  // Finish says that there is no more data of ours. The stream is forgotten when both sides have
  // finished; its id means nothing any more then.
  void Finish(uint32_t id);

  // Abort forgets the stream in both directions; the peer hears that it is over. No more events.
  // It may be called after Finish too, as long as OnFinished was not called.
  void Abort(uint32_t id);

  // Gather fills `out` with frames and returns how many bytes it wrote; 0: there is nothing to say.
  // Requires: room for two headers.
  size_t Gather(std::span<std::byte> out);
  bool HasOutput() const { return !ready_.empty() || !refused_.empty(); }

  size_t stream_count() const { return streams_.size(); }
  size_t backlog_bytes() const { return backlog_bytes_; }

 private:
  struct Stream {
    uint32_t id = 0;
    Stream* next = nullptr;  // In ready_.
    ByteFifo backlog;
    ByteFifo output;
    bool is_ready = false;  // In ready_.
    bool is_full = false;   // Counted in full_count_.
    bool is_offering = false;
    bool wants_room = false;
    bool syn_due = false;
    bool fin_due = false;
    bool is_finished = false;          // Our FIN was asked for.
    bool is_peer_finished = false;     // The peer's FIN came ...
    bool is_peer_finish_told = false;  // ... and its owner knows.
    bool is_aborted = false;
  };

  Stream* Find(uint32_t id);
  Stream& Make(uint32_t id);
  void TakeSyn(uint32_t id);
  void TakeData(Stream& stream, ByteView data);
  void Offer(Stream& stream);
  void SetBacklog(Stream& stream, size_t size_before);
  void MakeReady(Stream& stream);
  // ForgetIfOver destroys the stream when both directions are over.
  void ForgetIfOver(Stream& stream);
  size_t GatherStream(Stream& stream, std::span<std::byte> out);

  const Side side_;
  const SmuxOptions options_;
  Handler& handler_;
  SmuxParser parser_;
  absl::flat_hash_map<uint32_t, std::unique_ptr<Stream>> streams_;
  IntrusiveQueue<Stream> ready_;  // Those that have something to say, in turn.
  std::vector<uint32_t> refused_;
  size_t full_count_ = 0;
  size_t backlog_bytes_ = 0;
  uint32_t last_id_ = 1;  // Real clients begin with 3.
  bool is_broken_ = false;
};

}  // namespace engine::datachannel
