#include "engine/mux/output_queue.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/base/check.h"

namespace engine {
namespace {

// A payload smaller than this part of a block is packed with its neighbours when it has to wait.
constexpr size_t kSmallFraction = 8;

ByteView RestOf(const OutputItem& item) {
  return ByteView(item.payload.bytes()).subspan(item.taken);
}

// TextForPeople cuts a text to what a frame may carry, between two characters of UTF-8.
std::string_view TextForPeople(std::string_view text) {
  if (text.size() <= kCloseTextMax) return text;
  size_t size = kCloseTextMax;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
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

StreamOutput::~StreamOutput() {
  CHECK(items_.empty());
  CHECK(place_ == Place::kNone);
  CHECK(!credit_links_.is_linked);
  CHECK(!touched_links_.is_linked);
}

OutputQueue::OutputQueue(const Options& options, BufferPool& pool, Events& events)
    : options_(options),
      pool_(pool),
      events_(events),
      link_(options.link_bytes_max),
      item_slab_(std::numeric_limits<size_t>::max()) {}

OutputQueue::~OutputQueue() { Abandon(); }

bool OutputQueue::PushLink(FrameType type, uint8_t flags, StreamId stream,
                           std::initializer_list<ByteView> parts) {
  CHECK(!is_gathered_);
  if (type == FrameType::kControl && link_.control_count() >= options_.control_messages_max)
    return false;
  return link_.Push(type, flags, stream, parts);
}

bool OutputQueue::PushClose(FrameType type, StreamId stream, CloseCode code,
                            std::string_view text) {
  std::array<std::byte, sizeof(uint16_t)> code_bytes;
  StoreBig(code_bytes.data(), static_cast<uint16_t>(code));
  const bool is_crowded = link_.size() > link_.bytes_max() / 2;
  return PushLink(type, 0, stream,
                  {code_bytes, is_crowded ? ByteView() : AsBytes(TextForPeople(text))});
}

void OutputQueue::ClearLink() {
  CHECK(!is_gathered_);
  link_.Clear();
}

bool OutputQueue::IsReady(const StreamOutput& stream) {
  if (!stream.is_open_ || stream.items_.empty()) return false;
  return stream.items_.front()->type != FrameType::kData || stream.window_.available() > 0;
}

OutputQueue::ReadyList& OutputQueue::ListOf(StreamOutput& stream) {
  return stream.place_ == StreamOutput::Place::kInteractive ? interactive_ : bulk_;
}

void OutputQueue::LeaveReady(StreamOutput& stream) {
  if (stream.place_ == StreamOutput::Place::kNone) return;
  ListOf(stream).Remove(stream);
  stream.place_ = StreamOutput::Place::kNone;
  stream.is_visited_ = false;
  stream.deficit_ = 0;
}

// UpdateReady puts the stream into the list it belongs into, or takes it out.
void OutputQueue::UpdateReady(StreamOutput& stream) {
  using Place = StreamOutput::Place;
  if (stream.items_.empty()) stream.burst_ = 0;
  Place place = Place::kNone;
  if (IsReady(stream)) {
    const bool is_interactive =
        stream.priority_ == Priority::kInteractive && stream.burst_ <= kInteractiveBurst;
    place = is_interactive ? Place::kInteractive : Place::kBulk;
  }
  if (place == stream.place_) return;
  LeaveReady(stream);
  if (place == Place::kNone) return;
  stream.place_ = place;
  ListOf(stream).PushBack(stream);
}

void OutputQueue::Open(StreamOutput& stream, uint64_t limit) {
  CHECK(!stream.is_open_);
  item_slab_.Reserve();
  stream.is_open_ = true;
  stream.window_ = SendWindow(limit);
  UpdateReady(stream);
}

CreditError OutputQueue::UpdateCredit(StreamOutput& stream, Credit credit) {
  const CreditError error = stream.window_.Update(credit);
  if (error == CreditError::kNone) UpdateReady(stream);
  return error;
}

void OutputQueue::CreditDue(StreamOutput& stream) {
  if (!stream.credit_links_.is_linked) credits_.PushBack(stream);
}

OutputItem* OutputQueue::MakeItem(FrameType type, uint8_t flags) {
  OutputItem* item = item_slab_.Make();
  item->type = type;
  item->flags = flags;
  return item;
}

void OutputQueue::Append(StreamOutput& stream, OutputItem& item) {
  CHECK(!is_gathered_);
  stream.items_.PushBack(item);
  UpdateReady(stream);
}

// PackData copies a small payload behind the last one that was packed, and joins them when nothing
// else was queued in between. False when it has to be queued by reference after all: the pool is
// dry, or the payload is too large.
bool OutputQueue::PackData(StreamOutput& stream, uint8_t flags, const BufferRef& payload) {
  if (stream.items_.empty() || payload.size() >= pool_.block_size() / kSmallFraction) return false;
  OutputItem* last = stream.items_.back();
  const bool has_room = stream.packing_size_ + payload.size() <= stream.packing_block_.size();
  const bool joins = has_room && last->is_packed && last->flags == flags;
  if (!joins && stream.data_items_ >= options_.data_items_max) return false;
  if (!has_room) {
    BufferRef block = pool_.Take();
    if (block.empty()) return false;
    stream.packing_block_ = std::move(block);
    stream.packing_size_ = 0;
  }
  std::memcpy(stream.packing_block_.bytes().data() + stream.packing_size_, payload.bytes().data(),
              payload.size());
  const size_t begin = stream.packing_size_;
  stream.packing_size_ += payload.size();
  stream.queued_bytes_ += payload.size();
  if (joins) {
    const size_t size = last->payload.size() + payload.size();
    last->payload = stream.packing_block_.Share(stream.packing_size_ - size, size);
    return true;
  }
  OutputItem* item = MakeItem(FrameType::kData, flags);
  item->payload = stream.packing_block_.Share(begin, payload.size());
  item->is_packed = true;
  ++stream.data_items_;
  Append(stream, *item);
  return true;
}

bool OutputQueue::PushData(StreamOutput& stream, uint8_t flags, BufferRef payload) {
  CHECK(!stream.is_finish_queued_);
  CHECK(!payload.empty());
  CHECK(!is_gathered_);
  if (PackData(stream, flags, payload)) return true;
  if (stream.data_items_ >= options_.data_items_max) return false;
  OutputItem* item = MakeItem(FrameType::kData, flags);
  stream.queued_bytes_ += payload.size();
  ++stream.data_items_;
  item->payload = std::move(payload);
  Append(stream, *item);
  return true;
}

bool OutputQueue::PushControl(StreamOutput& stream, ByteView message) {
  CHECK(!message.empty());
  CHECK(message.size() <= kControlSizeMax);
  if (stream.control_count_ >= options_.control_messages_max) return false;
  if (stream.control_bytes_ + message.size() > options_.control_bytes_max) return false;
  OutputItem* item = MakeItem(FrameType::kControl, 0);
  item->message = std::make_unique<std::byte[]>(message.size());
  item->message_size = static_cast<uint16_t>(message.size());
  std::memcpy(item->message.get(), message.data(), message.size());
  ++stream.control_count_;
  stream.control_bytes_ += message.size();
  Append(stream, *item);
  return true;
}

void OutputQueue::PushFinish(StreamOutput& stream) {
  CHECK(!stream.is_finish_queued_);
  stream.is_finish_queued_ = true;
  Append(stream, *MakeItem(FrameType::kFinish, 0));
}

void OutputQueue::Drop(StreamOutput& stream) {
  CHECK(!is_gathered_);
  while (OutputItem* item = stream.items_.PopFront()) item_slab_.Return(item);
  stream.queued_bytes_ = 0;
  stream.data_items_ = 0;
  stream.control_count_ = 0;
  stream.control_bytes_ = 0;
  stream.packing_block_ = {};
  stream.packing_size_ = 0;
  LeaveReady(stream);
  if (stream.credit_links_.is_linked) credits_.Remove(stream);
  if (stream.touched_links_.is_linked) touched_.Remove(stream);
}

bool OutputQueue::HasOutput() const {
  return !link_.empty() || !credits_.empty() || !interactive_.empty() || !bulk_.empty() ||
         ack_.has_value() || (log_ != nullptr && log_->has_unsent());
}

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

void OutputQueue::VerifyStream(const StreamOutput& stream) const {
  size_t bytes = 0;
  uint32_t data_items = 0;
  uint32_t control_count = 0;
  size_t control_bytes = 0;
  for (const OutputItem* item = stream.items_.front(); item != nullptr;
       item = decltype(stream.items_)::Next(*item)) {
    if (item->type == FrameType::kData) {
      CHECK(item->taken < item->payload.size());
      bytes += item->payload.size() - item->taken;
      ++data_items;
    } else if (item->type == FrameType::kControl) {
      ++control_count;
      control_bytes += item->message_size;
    } else {
      CHECK(stream.is_finish_queued_);
    }
  }
  CHECK(bytes == stream.queued_bytes_);
  CHECK(data_items == stream.data_items_);
  CHECK(data_items <= options_.data_items_max);
  CHECK(control_count == stream.control_count_);
  CHECK(control_count <= options_.control_messages_max);
  CHECK(control_bytes == stream.control_bytes_);
  CHECK(control_bytes <= options_.control_bytes_max);
  CHECK(stream.window_.sent() <= stream.window_.limit());
  CHECK(stream.deficit_ <= 2 * kQuantum);
  CHECK((stream.place_ != StreamOutput::Place::kNone) == IsReady(stream));
}

}  // namespace engine
