#include "engine/loop/op.h"

namespace engine {

void OpState<Sent>::Start(std::span<const ByteView> all, bool with_zero_copy) {
  CHECK(!all.empty());
  CHECK(all.size() <= kSendSlicesMax);
  uint64_t total = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    CHECK(!all[i].empty());
    slices[i] = {const_cast<std::byte*>(all[i].data()), all[i].size()};
    total += all[i].size();
  }
  CHECK(total <= UINT32_MAX);
  size = static_cast<uint32_t>(total);
  sent = 0;
  slice_count = static_cast<uint8_t>(all.size());
  first = 0;
  zero_copy = with_zero_copy;
  writable = false;
  finished = false;
  releases = 0;
  error = IoError::kNone;
}

bool OpState<Sent>::Advance(size_t accepted) {
  CHECK(accepted <= size - sent);
  sent += static_cast<uint32_t>(accepted);
  while (accepted > 0) {
    iovec& slice = slices[first];
    if (accepted < slice.iov_len) {
      slice.iov_base = static_cast<std::byte*>(slice.iov_base) + accepted;
      slice.iov_len -= accepted;
      break;
    }
    accepted -= slice.iov_len;
    ++first;
    --slice_count;
  }
  return sent == size;
}

}  // namespace engine
