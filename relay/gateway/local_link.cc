#include "relay/gateway/local_link.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "engine/base/check.h"

namespace relay {

LocalLink::LocalLink(engine::BufferPool& pool, std::function<void()> wake)
    : pool_(pool), wake_(std::move(wake)) {
  CHECK(pool.block_size() >= engine::kRecordSizeMax);
}

void LocalLink::Join(engine::RecordProtocol& near_protocol, engine::RecordProtocol& far_protocol) {
  near_.protocol = &near_protocol;
  far_.protocol = &far_protocol;
}

bool LocalLink::Run(engine::Instant now) {
  is_dry_ = false;
  if (is_closed_) return true;
  for (Carrier* side : {&near_, &far_}) {
    if (side->protocol->NextDeadline() <= now) side->protocol->HandleDeadline(now);
  }
  for (bool moves = true; moves && !is_closed_ && !is_dry_;) {
    moves = Move(near_, far_, now);
    moves = Move(far_, near_, now) || moves;
  }
  // Nothing is left to say: what one side has closed is over.
  if (!is_dry_ && (near_.is_closing || far_.is_closing)) is_closed_ = true;
  return !is_dry_;
}

bool LocalLink::Move(Carrier& from, Carrier& to, engine::Instant now) {
  bool moved = false;
  while (true) {
    engine::BufferRef block = pool_.Take();
    if (block.empty()) {
      is_dry_ = true;
      return moved;
    }
    std::array<engine::ByteView, engine::kRecordSlicesMax> slices;
    const size_t count = from.protocol->GatherRecord(slices, now);
    if (count == 0) return moved;
    size_t size = 0;
    for (const engine::ByteView slice : std::span(slices).first(count)) {
      std::memcpy(block.bytes().data() + size, slice.data(), slice.size());
      size += slice.size();
    }
    from.protocol->RecordTaken();
    moved = true;
    block.KeepFirst(size);
    // As over a connection, who has closed hears nothing any more.
    if (!to.is_closing) to.protocol->Receive(std::move(block), now);
  }
}

engine::Instant LocalLink::NextDeadline() const {
  if (is_closed_) return engine::Instant::max();
  return std::min(near_.protocol->NextDeadline(), far_.protocol->NextDeadline());
}

}  // namespace relay
