#include "relay/switchboard/tls_leg.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/buffer/record_protocol.h"

namespace relay {

TlsLeg::TlsLeg(engine::SecureConnection& connection) : connection_(connection) {
  connection_.HoldInput(true);
}

void TlsLeg::Receive(engine::BufferRef plaintext) {
  connection_.HoldInput(true);
  events_->OnBytes(*this, std::move(plaintext));
}

void TlsLeg::Push(engine::BufferRef bytes) {
  CHECK(has_room());
  waiting_.push_back(std::move(bytes));
  connection_.OutputReady();
}

void TlsLeg::Finish() { connection_.CloseAfterOutput(); }

size_t TlsLeg::GatherRecord(std::span<engine::ByteView> slices) {
  size_t count = 0;
  gathered_ = 0;
  for (const engine::BufferRef& piece : waiting_) {
    if (count == slices.size() || gathered_ == engine::kRecordSizeMax) break;
    const size_t size = std::min(piece.size(), engine::kRecordSizeMax - gathered_);
    slices[count++] = piece.bytes().first(size);
    gathered_ += size;
  }
  return count;
}

void TlsLeg::RecordTaken() {
  const bool had_room = has_room();
  while (gathered_ > 0) {
    engine::BufferRef& front = waiting_.front();
    const size_t size = std::min(front.size(), gathered_);
    gathered_ -= size;
    if (size == front.size()) {
      waiting_.pop_front();
    } else {
      front.DropFirst(size);
    }
  }
  if (!had_room && has_room()) events_->OnRoom(*this);
}

void TlsLeg::Closed(std::string_view why) {
  waiting_.clear();
  events_->OnGone(*this, why);  // Last: it may destroy this.
}

}  // namespace relay
