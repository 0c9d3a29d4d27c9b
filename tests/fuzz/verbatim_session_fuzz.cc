// Goal: nothing that a client or an original agent says to the other, in whatever order, with
// whatever cuts, aborts what passes it on; and a session ends. Method: the first byte picks the
// kind of session. Then come steps: a byte that says what to do, a size, and so many bytes:
// messages of either side with near and far numbers, raw bytes, cuts, ends, time.

#include <algorithm>
#include <cstdint>
#include <string>

#include "tests/unit/originals/verbatim_world.h"

namespace {

using relay::VerbatimWorld;

void Speak(VerbatimWorld& world, VerbatimWorld::Peer& peer, unsigned what, engine::ByteView bytes) {
  if (!peer.is_connected || bytes.empty()) return;
  const std::string text(engine::AsText(bytes));
  const auto type = static_cast<VerbatimWorld::Payload>(bytes.size() % 16);
  if (what % 8 == 0) {
    peer.to_say.push_back(text);
  } else if (what % 8 == 1) {  // Numbers that are far away, or were before.
    const int64_t far = static_cast<int64_t>(bytes.size()) * 64 - 4096;
    peer.to_say.push_back(relay::SpokenChannel::Encoded(peer.type, text, peer.next + far, type));
  } else if (what % 8 == 2) {
    peer.to_say.push_back(
        relay::SpokenChannel::Encoded(VerbatimWorld::Type::kAcknowledge, text, 0, {}));
  } else {
    world.Say(peer, text, type);
  }
}

void Step(VerbatimWorld& world, unsigned what, engine::ByteView bytes) {
  switch (what % 16) {
    case 0:
      return world.client.is_connected ? world.CutClient() : world.ConnectClient();
    case 1:
      return world.agent.is_connected ? world.CutAgent() : world.ConnectAgent();
    case 2:
      world.client.reads = !world.client.reads;
      return;
    case 3:
      world.client.is_ready = !world.client.is_ready;
      return;
    case 4:
      return world.Pass(std::chrono::milliseconds(1 + bytes.size() * 300));
    case 5:
      if (what & 0x80) world.Complete("Failed", "x");
      return;
    case 6:
      if (what & 0x80) world.session->End("ended", world.now);
      return;
    default:
      return Speak(world, what & 1 ? world.client : world.agent, what / 16, bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  VerbatimWorld world(VerbatimWorld::Grant(data[0] % 2 == 0 ? engine::SessionKind::kShell
                                                            : engine::SessionKind::kTcp));
  world.ConnectClient();
  engine::ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  while (input.size() >= 2) {
    const auto what = std::to_integer<unsigned>(input[0]);
    const size_t count = std::min(std::to_integer<size_t>(input[1]), input.size() - 2);
    if (!world.over_reason.has_value() || what % 16 == 4)
      Step(world, what, input.subspan(2, count));
    input = input.subspan(2 + count);
    world.Run();
  }
  world.session->End("the end", world.now);
  for (int i = 0; i < 10; ++i) world.Pass(std::chrono::seconds(10));
  CHECK(world.session->over());
  return 0;
}
