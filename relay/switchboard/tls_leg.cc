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
  waiting_.Push(std::move(bytes));
  connection_.OutputReady();
}

void TlsLeg::Finish() { connection_.CloseAfterOutput(); }

size_t TlsLeg::GatherRecord(std::span<engine::ByteView> slices) {
  gathered_ = 0;
  if (waiting_.empty()) return 0;
  const engine::BufferRef& piece = waiting_.front();
  gathered_ = std::min(piece.size(), engine::kRecordSizeMax);
  slices[0] = piece.bytes().first(gathered_);
  return 1;
}

void TlsLeg::RecordTaken() {
  const bool had_room = has_room();
  engine::BufferRef& front = waiting_.front();
  if (gathered_ == front.size()) {
    waiting_.Pop();
  } else {
    front.DropFirst(gathered_);
  }
  if (!had_room && has_room()) events_->OnRoom(*this);
}

void TlsLeg::Closed(std::string_view why) {
  waiting_.Clear();
  events_->OnGone(*this, why);  // Last: it may destroy this.
}

}  // namespace relay
