// Goal: no bytes make a WebSocket crash or hold more than its bounds, and messages mean the same
// however they are cut.
// Method: the first byte says which side reads, the second where to cut; both readings must come to
// the same messages and the same end.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "engine/http/websocket_receiver.h"

namespace {

using engine::WebSocketReceiver;
using Event = WebSocketReceiver::Event;

constexpr size_t kMessageMax = 1000;

// Read returns what was heard, one line for each event.
std::string Read(engine::WebSocketSide side, engine::ByteView bytes, size_t piece_size) {
  std::string heard;
  engine::WebSocketFrames frames(side);
  WebSocketReceiver receiver(frames, side, kMessageMax);
  while (!bytes.empty()) {
    const size_t size = std::min(piece_size, bytes.size());
    receiver.Feed(bytes.first(size));
    bytes = bytes.subspan(size);
    for (;;) {
      engine::ByteView payload;
      const Event event = receiver.Next(payload);
      if (event == Event::kHungry) break;
      heard += std::to_string(static_cast<int>(event));
      if (event == Event::kFailed) {
        return heard + std::to_string(static_cast<int>(receiver.failure()));
      }
      CHECK(payload.size() <= kMessageMax);
      heard += engine::ToHex(payload) + '\n';
      if (event == Event::kClose) return heard;
    }
  }
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto side =
      data[0] % 2 == 0 ? engine::WebSocketSide::kServer : engine::WebSocketSide::kClient;
  const auto bytes = std::as_bytes(std::span(data + 2, size - 2));
  CHECK(Read(side, bytes, size) == Read(side, bytes, data[1] + size_t{1}));
  return 0;
}
