#include "engine/mux/stream.h"

#include <cstring>
#include <utility>

#include "engine/base/check.h"

namespace engine {

PeerError Stream::AllowsAnswer() const {
  if (opener == Opener::kPeer) return PeerError::Protocol("an answer to the sender's own open");
  if (is_accepted()) return PeerError::Protocol("a second answer to one open");
  return {};
}

PeerError Stream::AllowsControl() const {
  if (!is_accepted()) return PeerError::Protocol("a control message before the stream's accept");
  return {};
}

PeerError Stream::AllowsCredit() const {
  if (!is_accepted()) return PeerError::Protocol("credit before the stream's accept");
  return {};
}

PeerError Stream::ReceiveData(size_t size) {
  if (receive_half == Half::kWaiting) return PeerError::Protocol("data before the stream's accept");
  if (receive_half == Half::kFinished) return PeerError::Protocol("data after the stream's finish");
  if (!receive.Receive(size)) return {CloseCode::kFlowControl, "data beyond the stream's limit"};
  return {};
}

bool Stream::KeepEarly(BufferRef data, BufferPool& pool) {
  const size_t size = data.size();
  if (early_size == 0) {
    early = std::move(data);
  } else {
    if (early.size() < kEarlyDataMax) {
      BufferRef block = pool.Take();
      if (block.empty()) return false;
      std::memcpy(block.bytes().data(), early.bytes().data(), early_size);
      early = std::move(block);
    }
    std::memcpy(early.bytes().data() + early_size, data.bytes().data(), size);
  }
  early_size += static_cast<uint32_t>(size);
  return true;
}

BufferRef Stream::TakeEarly() {
  if (early_size == 0) return {};
  early.KeepFirst(std::exchange(early_size, 0));
  return std::move(early);
}

PeerError Stream::ReceiveFinish(uint64_t offset) {
  if (receive_half == Half::kWaiting)
    return PeerError::Protocol("a finish before the stream's accept");
  if (receive_half == Half::kFinished) return PeerError::Protocol("a second finish");
  if (offset != receive.received())
    return PeerError::Protocol("a finish whose offset is not the bytes sent");
  receive_half = Half::kFinished;
  return {};
}

}  // namespace engine
