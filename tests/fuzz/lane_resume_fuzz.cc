// Goal: nothing that a client says on a lane at the node, on its first connection or when it comes
// again, aborts the node or makes it keep blocks; and another client's session, which is cut as
// often, goes on byte for byte. Nor does anybody take a lane over without its proof.
// Method: lane_world.h, and in it an honest client (honest_lane.h), an evil one (evil_lane.h), and
// pretenders (lane_pretender.h). The first byte picks the carriage and the faults. Then come steps:
// a byte that says what to do, a size, and so many bytes.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "engine/base/log.h"
#include "tests/fuzz/evil_lane.h"
#include "tests/fuzz/honest_lane.h"
#include "tests/fuzz/lane_pretender.h"
#include "tests/fuzz/lane_world.h"
#include "tests/fuzz/scripted_frame.h"

namespace agent {
namespace {

using engine::ByteView;
using std::chrono::milliseconds;

class Script {
 public:
  explicit Script(unsigned setting)
      : world_(setting), honest_(world_), pretender_(world_, honest_), evil_(world_) {}
  ~Script() {
    honest_.Recover();
    honest_.Leave();
    world_.EndAll();
    evil_.Leave();
    world_.AwaitEnd([this] { return honest_.over() && evil_.over(); });
  }

  void Step(unsigned what, ByteView bytes) {
    switch (what % 16) {
      case 0:
      case 1:
        honest_.Say(what / 16, bytes);
        break;
      case 2:
        world_.relay().CutLanes();
        break;
      case 3:
        honest_.ComeAgain();
        break;
      case 4:
      case 5:
        pretender_.Come(what / 16, bytes);
        break;
      case 6:
        world_.RunFor(milliseconds(100) * (1 + bytes.size()));
        break;
      case 7:
        RelaySays(what / 16, bytes);
        break;
      case 8:
        evil_.Dial();
        break;
      case 9:
        evil_.SayHello(what / 16, bytes, HonestLane::kSession);
        break;
      case 10:
        evil_.Say(engine::AsText(bytes));
        break;
      case 11:
      case 12:
        evil_.Say(fuzz::ScriptedFrame(bytes, LaneWorld::Ask()));
        break;
      case 13:
        evil_.Cut();
        break;
      default:
        evil_.ComeAgain(what / 16 + (what & 1) * 16, bytes);
        break;
    }
    world_.RunFor(milliseconds(20));
    honest_.CheckEcho();
  }

 private:
  void RelaySays(unsigned how, ByteView bytes) {
    const std::string either = how & 8 ? HonestLane::kSession : EvilLane::kSession;
    const std::string other = how & 8 ? EvilLane::kSession : "nobody-1";
    engine::ControlMessage message;
    switch (how % 8) {
      case 0:
        message = engine::LaneOffer{either, "n-x", 0, static_cast<uint32_t>(fuzz::Number(bytes))};
        break;
      case 1:
        message = engine::LaneOffer{other, "n-x", static_cast<uint32_t>(bytes.size()), {}};
        break;
      case 2:
        message = engine::SessionCheck{either};
        break;
      case 3:
        message = engine::SessionStop{other, std::string(engine::AsText(bytes))};
        break;
      case 4:
        message = world_.OfferOf(either);  // It has both, or had.
        break;
      default:
        if (!engine::Decode(engine::AsText(bytes), message)) return;
    }
    const auto* stop = std::get_if<engine::SessionStop>(&message);
    // That would be its end.
    if (stop != nullptr && stop->session_id == HonestLane::kSession) return;
    if (++relay_says_ <= 32) world_.Tell(message);
  }

  LaneWorld world_;
  HonestLane honest_;
  LanePretender pretender_;
  EvilLane evil_;
  int relay_says_ = 0;
};

}  // namespace
}  // namespace agent

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  engine::log::SetLevel(engine::log::Level::kError);
  GTEST_FLAG_SET(break_on_failure, true);  // What the peers of unit tests expect is a promise, too.
  agent::Script script(data[0]);
  engine::ByteView input = std::as_bytes(std::span(data + 1, size - 1));
  for (int steps = 0; input.size() >= 2 && steps < 64; ++steps) {
    const auto what = std::to_integer<unsigned>(input[0]);
    const size_t count = std::min(std::to_integer<size_t>(input[1]), input.size() - 2);
    script.Step(what, input.subspan(2, count));
    input = input.subspan(2 + count);
  }
  return 0;
}
