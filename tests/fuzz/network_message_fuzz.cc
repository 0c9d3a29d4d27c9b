// Goal: no datagram of the kernel's, or of whoever could pretend to be it, makes the reader of
// rtnetlink abort, read beyond, or go on for ever. Method: any bytes; a gain is always a change.

#include "engine/base/check.h"
#include "engine/platform/network_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const engine::NetworkMessage message =
      engine::ReadNetworkMessage(engine::ByteView(reinterpret_cast<const std::byte*>(data), size));
  CHECK(message.is_change || !message.is_gain);
  return 0;
}
