// The part of OutputQueue that makes records: who goes next, and what a record is made of.

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/check.h"
#include "engine/mux/output_queue.h"

namespace engine {
namespace {

ByteView RestOf(const OutputItem& item) {
  return ByteView(item.payload.bytes()).subspan(item.taken);
}

}  // namespace

// Record is the record under construction: slices, and the scratch in which headers and small
// payloads are put. Bytes that follow one another in memory become one slice.
class OutputQueue::Record {
 public:
  // `names_owners` keeps apart what lies in different payloads, and names these.
  Record(std::span<ByteView> slices, std::span<std::byte> scratch, bool names_owners)
      : slices_(slices.first(kRecordSlicesMax)), scratch_(scratch), names_owners_(names_owners) {}

  size_t count() const { return count_; }
  bool empty() const { return size_ == 0; }
  bool is_full() const { return is_full_; }
  size_t room() const { return is_full_ ? 0 : kRecordSizeMax - size_; }
  bool HasScratch(size_t size) const { return size <= scratch_.size() - scratch_size_; }

  // Fits says whether a frame with this payload may join, and marks the record full when not.
  bool Fits(size_t payload_size, size_t piece_count) {
    const bool is_copied = payload_size <= kCopiedPayloadMax;
    const size_t scratch_size = kFrameHeaderSize + (is_copied ? payload_size : 0);
    const bool fits = !is_full_ && (empty() || payload_size <= kSharedPayloadMax) &&
                      kFrameHeaderSize + payload_size <= room() && HasScratch(scratch_size) &&
                      count_ + 1 + (is_copied ? 0 : piece_count) <= slices_.size();
    if (!fits) is_full_ = true;
    return fits;
  }

  void AddHeader(FrameType type, uint8_t flags, size_t payload_size, StreamId stream) {
    const FrameHeader header{type, flags, static_cast<uint16_t>(payload_size), stream};
    BuildFrameHeader(header, AddScratch(kFrameHeaderSize));
    if (payload_size > kSharedPayloadMax) is_full_ = true;
  }

  std::byte* AddScratch(size_t size) {
    CHECK(HasScratch(size));
    std::byte* at = scratch_.data() + scratch_size_;
    scratch_size_ += size;
    AddSlice({at, size});
    return at;
  }

  // `owner` is the payload that the bytes are a part of, if any; it stays until the record is
  // taken.
  void AddSlice(ByteView bytes, const BufferRef* owner = nullptr) {
    CHECK(bytes.size() <= kRecordSizeMax - size_);
    size_ += bytes.size();
    if (count_ > 0 && (!names_owners_ || owners_[count_ - 1] == owner)) {
      ByteView& last = slices_[count_ - 1];
      if (last.data() + last.size() == bytes.data()) {
        last = {last.data(), last.size() + bytes.size()};
        return;
      }
    }
    CHECK(count_ < slices_.size());
    owners_[count_] = owner;
    slices_[count_++] = bytes;
  }

  ByteView slice(size_t index) const { return slices_[index]; }
  const BufferRef* owner(size_t index) const { return owners_[index]; }

  void SetFull() { is_full_ = true; }

 private:
  std::span<ByteView> slices_;
  std::span<std::byte> scratch_;
  const bool names_owners_;
  std::array<const BufferRef*, kRecordSlicesMax> owners_;  // Of the first count_ slices.
  size_t count_ = 0;
  size_t size_ = 0;
  size_t scratch_size_ = 0;
  bool is_full_ = false;
};

size_t OutputQueue::Gather(std::span<ByteView> slices) {
  CHECK(!is_gathered_);
  CHECK(slices.size() >= kRecordSlicesMax);
  if (log_ != nullptr && log_->has_unsent()) {
    is_gathered_ = true;
    return log_->Gather(slices.first(kRecordSlicesMax));
  }
  Record record(slices, scratch_.Take(), /*names_owners=*/log_ != nullptr);
  GatherLink(record);
  GatherCredits(record);
  GatherAck(record);
  if (log_ == nullptr || !log_->is_full()) {
    GatherInteractive(record);
    GatherBulk(record);
  }
  is_gathered_ = !record.empty();
  if (!is_gathered_) scratch_.Give();
  if (log_ != nullptr) Keep(record);
  NotePayload(slices.first(record.count()));
  return record.count();
}

// Keep appends the record to the log: large parts of payloads by reference, all else as a copy.
void OutputQueue::Keep(const Record& record) {
  for (size_t i = 0; i < record.count(); ++i) {
    const ByteView bytes = record.slice(i);
    const BufferRef* owner = record.owner(i);
    if (owner == nullptr || bytes.size() < pool_.block_size() / kSmallFraction) {
      log_->Append(bytes);
    } else {
      log_->Append(
          owner->Share(static_cast<size_t>(bytes.data() - owner->bytes().data()), bytes.size()));
    }
  }
}

// NotePayload looks whether the record is one frame around one whole payload. What may be cut to
// fill frames belongs to an end point, which keeps it.
void OutputQueue::NotePayload(std::span<const ByteView> slices) {
  whole_payload_ = nullptr;
  OutputItem* item = gathered_items_.front();
  if (options_.chunks != Chunks::kWhole || item == nullptr || slices.size() != 2) return;
  if (slices[0].size() != kFrameHeaderSize) return;
  if (slices[1].data() != item->payload.bytes().data()) return;
  if (slices[1].size() == item->payload.size()) whole_payload_ = &item->payload;
}

void OutputQueue::Taken() {
  CHECK(is_gathered_);
  is_gathered_ = false;
  whole_payload_ = nullptr;
  link_.Pop(gathered_link_bytes_);
  gathered_link_bytes_ = 0;
  while (OutputItem* item = gathered_items_.PopFront()) item_slab_.Return(item);
  scratch_.Give();
  while (StreamOutput* stream = touched_.PopFront()) events_.OnOutputTaken(*stream);
}

void OutputQueue::Abandon() {
  is_gathered_ = false;
  whole_payload_ = nullptr;
  gathered_link_bytes_ = 0;
  while (OutputItem* item = gathered_items_.PopFront()) item_slab_.Return(item);
  while (touched_.PopFront() != nullptr) {
  }
  scratch_.Drop();
}

void OutputQueue::GatherLink(Record& record) {
  if (link_.empty()) return;
  const ByteView run = link_.Run(record.room(), kFrameHeaderSize + kSharedPayloadMax,
                                 /*may_be_alone=*/record.empty());
  if (run.size() > 0) record.AddSlice(run);
  gathered_link_bytes_ = run.size();
  // What did not fit goes first into the next record; and a large frame travels alone.
  const bool is_large = run.size() > kFrameHeaderSize + kSharedPayloadMax;
  if (run.size() < link_.size() || is_large) record.SetFull();
}

void OutputQueue::GatherCredits(Record& record) {
  constexpr size_t kPayloadSize = 2 * sizeof(uint64_t);
  while (!credits_.empty() && record.Fits(kPayloadSize, 1)) {
    StreamOutput& stream = *credits_.PopFront();
    const Credit credit = events_.GatherCredit(stream);
    record.AddHeader(FrameType::kCredit, 0, kPayloadSize, stream.id());
    std::byte* payload = record.AddScratch(kPayloadSize);
    StoreBig(payload, credit.received);
    StoreBig(payload + sizeof(uint64_t), credit.limit);
  }
}

void OutputQueue::GatherAck(Record& record) {
  if (!ack_.has_value() || !record.Fits(sizeof(uint64_t), 1)) return;
  record.AddHeader(FrameType::kAck, 0, sizeof(uint64_t), kLinkStream);
  StoreBig(record.AddScratch(sizeof(uint64_t)), *ack_);
  ack_.reset();
}

void OutputQueue::GatherInteractive(Record& record) {
  while (!record.is_full() && !interactive_.empty()) {
    StreamOutput& stream = *interactive_.front();
    const Plan plan = PlanFrame(stream);
    if (!record.Fits(plan.payload_size, plan.piece_count)) return;
    Emit(record, stream, plan);
    if (stream.place_ == StreamOutput::Place::kInteractive) interactive_.MoveToBack(stream);
  }
}

void OutputQueue::GatherBulk(Record& record) {
  while (!record.is_full() && !bulk_.empty()) {
    StreamOutput& stream = *bulk_.front();
    if (!stream.is_visited_) {
      stream.is_visited_ = true;
      stream.deficit_ += kQuantum;
    }
    const Plan plan = PlanFrame(stream);
    const size_t cost = kFrameHeaderSize + plan.payload_size;
    if (cost > stream.deficit_) {  // Its turn is over; the rest is kept for the next round.
      stream.is_visited_ = false;
      bulk_.MoveToBack(stream);
      continue;
    }
    if (!record.Fits(plan.payload_size, plan.piece_count)) return;
    stream.deficit_ -= cost;
    Emit(record, stream, plan);
  }
}

// PlanFrame says how large the stream's next frame is. Requires: the stream is ready.
OutputQueue::Plan OutputQueue::PlanFrame(const StreamOutput& stream) const {
  const OutputItem* item = stream.items_.front();
  if (item->type == FrameType::kControl) return {item->message_size, 1};
  if (item->type == FrameType::kFinish) return {sizeof(uint64_t), 1};
  const uint8_t flags = item->flags;
  const size_t size_max =
      static_cast<size_t>(std::min<uint64_t>(kFramePayloadMax, stream.window_.available()));
  Plan plan;
  // One slice is the header's.
  for (; item != nullptr && plan.piece_count < kRecordSlicesMax - 1;
       item = decltype(stream.items_)::Next(*item)) {
    if (item->type != FrameType::kData || item->flags != flags) break;
    const size_t size = item->payload.size() - item->taken;
    if (plan.payload_size + size > size_max) {
      if (options_.chunks == Chunks::kFill || plan.piece_count == 0) {
        if (plan.payload_size < size_max) ++plan.piece_count;
        plan.payload_size = size_max;
      }
      break;
    }
    plan.payload_size += size;
    ++plan.piece_count;
  }
  CHECK(plan.payload_size > 0);
  return plan;
}

// RetireFront keeps the first item, all of which is gathered, until the record is taken.
void OutputQueue::RetireFront(StreamOutput& stream) {
  OutputItem* item = stream.items_.PopFront();
  gathered_items_.PushBack(*item);
  if (stream.items_.empty()) {
    stream.packing_block_ = {};
    stream.packing_size_ = 0;
  }
}

void OutputQueue::EmitData(Record& record, StreamOutput& stream, Plan plan) {
  const bool is_copied = plan.payload_size <= kCopiedPayloadMax;
  size_t left = plan.payload_size;
  while (left > 0) {
    OutputItem& item = *stream.items_.front();
    const ByteView rest = RestOf(item);
    const ByteView bytes = rest.first(std::min(left, rest.size()));
    if (is_copied) {
      std::memcpy(record.AddScratch(bytes.size()), bytes.data(), bytes.size());
    } else {
      record.AddSlice(bytes, &item.payload);
    }
    left -= bytes.size();
    item.taken += bytes.size();
    if (bytes.size() < rest.size()) break;
    --stream.data_items_;
    RetireFront(stream);
  }
  CHECK(left == 0);
  stream.window_.Send(plan.payload_size);
  stream.queued_bytes_ -= plan.payload_size;
  data_bytes_ += plan.payload_size;
}

void OutputQueue::Emit(Record& record, StreamOutput& stream, Plan plan) {
  const OutputItem& item = *stream.items_.front();
  record.AddHeader(item.type, item.flags, plan.payload_size, stream.id_);
  if (item.type == FrameType::kData) {
    EmitData(record, stream, plan);
  } else if (item.type == FrameType::kFinish) {
    StoreBig(record.AddScratch(sizeof(uint64_t)), stream.window_.sent());
    RetireFront(stream);
  } else {
    const ByteView message(item.message.get(), item.message_size);
    if (message.size() <= kCopiedPayloadMax) {
      std::memcpy(record.AddScratch(message.size()), message.data(), message.size());
    } else {
      record.AddSlice(message);
    }
    --stream.control_count_;
    stream.control_bytes_ -= message.size();
    RetireFront(stream);
  }
  stream.burst_ += kFrameHeaderSize + plan.payload_size;
  if (!stream.touched_links_.is_linked) touched_.PushBack(stream);
  UpdateReady(stream);
}

}  // namespace engine
