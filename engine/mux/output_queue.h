// Who sends next on a link, and what one record is made of.
//
//     link frames  (ping, open, accept, reset, control of the link ...)     first in, first out
//     credit       (one entry a stream, only the newest counts)             first in, first out
//     interactive  streams with something to send                           round robin
//     bulk         streams with something to send                           deficit round robin
//                                     |
//                                     v
//               Gather: one record of at most 16 KiB and 16 slices
//
// A keystroke thus waits behind at most the record that is being sent. Bulk streams share the link
// by bytes, whatever the sizes of their frames (M. Shreedhar and G. Varghese, "Efficient Fair
// Queueing Using Deficit Round Robin", 1995). An interactive stream that sends more than
// kInteractiveBurst without once running empty (`yes` in a shell) is treated as bulk until it does,
// so that it cannot starve the others.
//
// A record carries one frame when the payload is larger than kSharedPayloadMax (the receiver then
// gets a whole block's slice), and otherwise as many small frames as fit: a keystroke's echo, its
// credit and a ping share one record and one seal.
//
// The multiplexer and the relay's switchboard both send through this class.

#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>

#include "engine/base/bytes.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/buffer/record_protocol.h"
#include "engine/mux/credit.h"
#include "engine/mux/frame_fifo.h"
#include "engine/mux/intrusive_list.h"
#include "engine/mux/record_scratch.h"
#include "engine/mux/sent_log.h"
#include "engine/mux/slab.h"
#include "engine/wire/frame.h"

namespace engine {

// OutputItem is one thing that a stream has to send: part of its data, a control message, or its
// finish.
struct OutputItem {
  FrameType type = FrameType::kData;
  uint8_t flags = 0;
  bool is_packed = false;     // The payload ends where the stream's packing block is used to.
  uint16_t message_size = 0;  // kControl.
  size_t taken = 0;           // kData: bytes of the payload that are gathered already.
  BufferRef payload;          // kData.
  std::unique_ptr<std::byte[]> message;  // kControl: its own copy, a cold path.
  ListLinks<OutputItem> links;
};

// StreamOutput is what a stream is to an OutputQueue; its owner makes it (or derives from it) and
// calls OutputQueue::Drop before destroying it.
class StreamOutput {
 public:
  StreamOutput(StreamId id, Priority priority) : id_(id), priority_(priority) {}
  ~StreamOutput();
  StreamOutput(const StreamOutput&) = delete;
  StreamOutput& operator=(const StreamOutput&) = delete;

  StreamId id() const { return id_; }
  Priority priority() const { return priority_; }
  const SendWindow& window() const { return window_; }
  size_t queued_bytes() const { return queued_bytes_; }      // Data that waits.
  uint32_t data_item_count() const { return data_items_; }   // Pieces of data that wait.
  uint32_t control_count() const { return control_count_; }  // Control messages that wait.
  size_t control_bytes() const { return control_bytes_; }
  bool is_finish_queued() const { return is_finish_queued_; }
  // is_drained is true when nothing waits; with is_finish_queued, the finish is gathered.
  bool is_drained() const { return items_.empty(); }

 private:
  friend class OutputQueue;
  enum class Place : uint8_t { kNone, kInteractive, kBulk };

  const StreamId id_;
  const Priority priority_;
  Place place_ = Place::kNone;  // The list of ready streams that it is in.
  bool is_open_ = false;        // Items may be sent.
  bool is_early_ = false;       // Before that, some data may.
  bool is_finish_queued_ = false;
  bool is_visited_ = false;  // It has got its quantum of this round.
  SendWindow window_;
  IntrusiveList<OutputItem, &OutputItem::links> items_;
  size_t queued_bytes_ = 0;
  uint32_t data_items_ = 0;
  uint32_t control_count_ = 0;
  size_t control_bytes_ = 0;
  size_t deficit_ = 0;       // Bytes it may still send in this round.
  size_t burst_ = 0;         // Bytes sent since it last ran empty.
  BufferRef packing_block_;  // Small payloads that wait are packed in here ...
  size_t packing_size_ = 0;  // ... and take this much of it.
  ListLinks<StreamOutput> ready_links_;
  ListLinks<StreamOutput> credit_links_;
  ListLinks<StreamOutput> touched_links_;
};

class OutputQueue {
 public:
  static constexpr size_t kSharedPayloadMax = 2 * 1024;
  static constexpr size_t kInteractiveBurst = 64 * 1024;
  static constexpr size_t kQuantum = kFrameSizeMax;  // At least the largest frame: O(1) a turn.

  class Events {
   public:
    // OnOutputTaken says that something of this stream has left with the record that was taken.
    // Called from inside Taken; every call of the queue is allowed in it.
    virtual void OnOutputTaken(StreamOutput& stream) = 0;
    // GatherCredit returns what the stream's CREDIT frame says. Called from inside Gather, for a
    // stream that was passed to CreditDue; it calls nothing back.
    virtual Credit GatherCredit(StreamOutput& stream) = 0;

   protected:
    ~Events() = default;
  };

  // Chunks says whether queued payloads may be cut to fill frames to their maximum (an end point,
  // whose chunks are of any size), or stay whole (a forwarder, whose chunks were frames).
  enum class Chunks : uint8_t { kFill, kWhole };

  struct Options {
    size_t link_bytes_max = 64 * 1024;     // Link frames that wait.
    uint32_t data_items_max = 1024;        // Pieces of data that wait, per stream.
    uint32_t control_messages_max = 64;    // Control messages that wait: per stream, and link.
    size_t control_bytes_max = 64 * 1024;  // The same in bytes, per stream.
    Chunks chunks = Chunks::kFill;
  };

  // `pool` gives the blocks into which small payloads are packed.
  OutputQueue(const Options& options, BufferPool& pool, Events& events);
  ~OutputQueue();  // Requires: every stream was dropped.
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  // PushLink queues one frame before all streams. False at the maximum: the peer does not read, or
  // asks for more answers than it takes.
  [[nodiscard]] bool PushLink(FrameType type, uint8_t flags, StreamId stream,
                              std::initializer_list<ByteView> parts);

  // PushClose queues kReject, kReset or kGoaway. The text is cut to kCloseTextMax, and left out
  // when half of the maximum waits already.
  [[nodiscard]] bool PushClose(FrameType type, StreamId stream, CloseCode code,
                               std::string_view text);

  // ClearLink forgets the link frames that wait.
  void ClearLink();

  // Rest gives back the memory that streams needed. Requires: every stream was dropped.
  void Rest() { item_slab_.Trim(); }

  // OpenEarly lets the stream send kEarlyDataMax of data, of no second channel, before it is open.
  void OpenEarly(StreamOutput& stream);

  // Open lets the stream send: up to `limit`. What was pushed before has waited for this. False,
  // and nothing done: more than that was sent early.
  [[nodiscard]] bool Open(StreamOutput& stream, uint64_t limit);

  // UpdateCredit takes what the peer's CREDIT frame says.
  [[nodiscard]] CreditError UpdateCredit(StreamOutput& stream, Credit credit);

  // CreditDue queues a CREDIT frame; its content is asked for when it is gathered.
  void CreditDue(StreamOutput& stream);

  // PushData queues a payload by reference; one that is small against its block and has to wait
  // behind others is copied together with its neighbours, so that a stream pins at most about eight
  // times the memory it has queued. False when data_items_max pieces wait. Requires: no finish is
  // queued; the payload is not empty.
  [[nodiscard]] bool PushData(StreamOutput& stream, uint8_t flags, BufferRef payload);

  // PushControl copies and queues a message in order with the stream's data. False at the maximum.
  [[nodiscard]] bool PushControl(StreamOutput& stream, ByteView message);

  // PushFinish queues the end of the data; control messages may still follow.
  void PushFinish(StreamOutput& stream);

  // Drop forgets all that the stream has queued. It may be destroyed then.
  void Drop(StreamOutput& stream);

  // KeepIn makes the queue append all that it gathers to `log`, which outlives it, and send again
  // first what the log has unsent. Null: no more. Not for Chunks::kWhole.
  void KeepIn(SentLog* log) { log_ = log; }

  // AckDue queues a frame that acknowledges the link's bytes before `position`; only the newest
  // counts.
  void AckDue(uint64_t position) { ack_ = position; }
  void DropAck() { ack_.reset(); }

  bool HasOutput() const;
  size_t link_bytes() const { return link_.size(); }
  uint64_t data_bytes() const { return data_bytes_; }  // Payload of data gathered so far.

  // Gather and Taken are RecordProtocol's GatherRecord and RecordTaken. Nothing else may be called
  // between the two.
  size_t Gather(std::span<ByteView> slices);
  void Taken();

  // GatheredPayload is RecordProtocol's: only with Chunks::kWhole, and for a record that is one
  // frame around one whole payload.
  BufferRef* GatheredPayload() { return whole_payload_; }

  // Abandon forgets a record that was gathered and will not be taken: the connection is gone.
  void Abandon();

  // Interrupt is Taken for such a record when a log has it, and so it is sent again.
  void Interrupt() {
    if (is_gathered_) Taken();
  }

  // VerifyStream checks the invariants of one stream.
  void VerifyStream(const StreamOutput& stream) const;

 private:
  // A payload smaller than this part of a block is packed with its neighbours when it has to wait,
  // and copied when it has to stay.
  static constexpr size_t kSmallFraction = 8;

  class Record;
  struct Plan {
    size_t payload_size = 0;
    size_t piece_count = 0;
  };

  using ReadyList = IntrusiveList<StreamOutput, &StreamOutput::ready_links_>;

  static bool IsReady(const StreamOutput& stream);
  ReadyList& ListOf(StreamOutput& stream);
  void UpdateReady(StreamOutput& stream);
  void LeaveReady(StreamOutput& stream);
  bool PackData(StreamOutput& stream, uint8_t flags, const BufferRef& payload);
  OutputItem* MakeItem(FrameType type, uint8_t flags);
  void Append(StreamOutput& stream, OutputItem& item);

  void NotePayload(std::span<const ByteView> slices);
  void GatherLink(Record& record);
  void GatherCredits(Record& record);
  void GatherAck(Record& record);
  void Keep(const Record& record);
  void GatherInteractive(Record& record);
  void GatherBulk(Record& record);
  Plan PlanFrame(const StreamOutput& stream) const;
  void Emit(Record& record, StreamOutput& stream, Plan plan);
  void EmitData(Record& record, StreamOutput& stream, Plan plan);
  void RetireFront(StreamOutput& stream);

  const Options options_;
  BufferPool& pool_;
  Events& events_;
  FrameFifo link_;
  Slab<OutputItem, 64> item_slab_;
  IntrusiveList<StreamOutput, &StreamOutput::credit_links_> credits_;
  ReadyList interactive_;
  ReadyList bulk_;
  uint64_t data_bytes_ = 0;
  SentLog* log_ = nullptr;
  std::optional<uint64_t> ack_;

  // The record between Gather and Taken.
  bool is_gathered_ = false;
  BufferRef* whole_payload_ = nullptr;
  size_t gathered_link_bytes_ = 0;
  IntrusiveList<OutputItem, &OutputItem::links> gathered_items_;
  IntrusiveList<StreamOutput, &StreamOutput::touched_links_> touched_;
  static constexpr size_t kCopiedPayloadMax = 256;  // Cheaper to copy than to be a slice.
  RecordScratch scratch_;
};

}  // namespace engine
