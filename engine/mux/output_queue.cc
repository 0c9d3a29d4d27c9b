#include "engine/mux/output_queue.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/utf8.h"

namespace engine {

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
                  {code_bytes, is_crowded ? ByteView() : AsBytes(CutUtf8(text, kCloseTextMax))});
}

void OutputQueue::ClearLink() {
  CHECK(!is_gathered_);
  link_.Clear();
}

bool OutputQueue::IsReady(const StreamOutput& stream) {
  if (stream.items_.empty()) return false;
  const OutputItem& item = *stream.items_.front();
  const bool is_data = item.type == FrameType::kData;
  if (!stream.is_open_ && !(stream.is_early_ && is_data && item.flags == 0)) return false;
  return !is_data || stream.window_.available() > 0;
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

void OutputQueue::OpenEarly(StreamOutput& stream) {
  CHECK(!stream.is_open_);
  item_slab_.Reserve();
  stream.is_early_ = true;
  stream.window_ = SendWindow(kEarlyDataMax);
}

bool OutputQueue::Open(StreamOutput& stream, uint64_t limit) {
  CHECK(!stream.is_open_);
  const uint64_t sent = stream.window_.sent();
  if (limit < sent) return false;
  item_slab_.Reserve();
  stream.is_open_ = true;
  stream.is_early_ = false;
  stream.window_ = SendWindow(limit);
  stream.window_.Send(sent);
  UpdateReady(stream);
  return true;
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
