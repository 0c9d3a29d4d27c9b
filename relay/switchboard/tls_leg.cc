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
  is_whole_ = false;
  if (waiting_.empty()) return 0;
  const engine::BufferRef& piece = waiting_.front();
  gathered_ = std::min(piece.size(), engine::kRecordSizeMax);
  is_whole_ = gathered_ == piece.size();
  slices[0] = {};
  slices[1] = piece.bytes().first(gathered_);
  return 2;
}

void TlsLeg::RecordTaken() {
  const bool had_room = has_room();
  if (std::exchange(is_whole_, false)) {
    waiting_.Pop();  // Its block may be the connection's by now.
  } else {
    waiting_.front().DropFirst(gathered_);
  }
  if (!had_room && has_room()) events_->OnRoom(*this);
}

void TlsLeg::Closed(std::string_view why) {
  waiting_.Clear();
  events_->OnGone(*this, why);  // Last: it may destroy this.
}

}  // namespace relay
