#include "engine/wire/cipher_packet.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace engine {

void WritePacketHead(PacketKind kind, size_t payload_size, std::span<std::byte> out) {
  CHECK(payload_size <= kPacketPayloadMax);
  CHECK(out.size() >= kPacketHeadSize);
  StoreBig(out.data(), static_cast<uint16_t>(payload_size));
  out[2] = static_cast<std::byte>(kind);
}

size_t PacketReader::Take(ByteView bytes) {
  CHECK(!whole());
  size_t taken = 0;
  while (taken < bytes.size() && !whole() && !failed()) {
    const size_t end = size_ < kPacketHeadSize ? kPacketHeadSize : kPacketHeadSize + wanted();
    const size_t count = std::min(end - size_, bytes.size() - taken);
    std::memcpy(bytes_.data() + size_, bytes.data() + taken, count);
    size_ += count;
    taken += count;
  }
  return taken;
}

}  // namespace engine
