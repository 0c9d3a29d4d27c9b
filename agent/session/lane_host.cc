#include "agent/session/lane_host.h"

#include <utility>

#include "engine/base/check.h"

namespace agent {
namespace {

// Letters of Return are as many as a relay likes: beyond these the room is left to the others.
constexpr size_t kReturnsMax = engine::LoopDriver::kLettersMax / 2;

}  // namespace

LaneHost::LaneHost(engine::LoopDriver& driver, TargetTable& targets)
    : driver_(driver), targets_(targets) {}

LaneHost::~LaneHost() { CHECK(lanes_.empty()); }

// A lane has at most three letters on their way beside those of Return, and each iteration takes
// all that have come. Lanes are at most as many as the smallest shares of the windows; most of them
// are of programs, of which a session has two.
void LaneHost::Dial(std::unique_ptr<LanePlan> plan) {
  CHECK(driver_.mailbox().Post<&LaneHost::OnDial>(this, std::move(plan)));
}

void LaneHost::Return(std::unique_ptr<LaneReturn> order) {
  // One that gets lost is one that the client asks for again.
  if (driver_.mailbox().size() >= kReturnsMax) return;
  static_cast<void>(driver_.mailbox().Post<&LaneHost::OnReturn>(this, std::move(order)));
}

void LaneHost::End(const LaneListener* listener, uint32_t number, engine::CloseCode code,
                   std::string_view text) {
  auto order = std::make_unique<Order>(
      Order{.listener = listener, .number = number, .code = code, .text = std::string(text)});
  CHECK(driver_.mailbox().Post<&LaneHost::OnOrder>(this, std::move(order)));
}

void LaneHost::Close(const LaneListener* listener, uint32_t number) {
  auto order = std::make_unique<Order>(
      Order{.listener = listener, .number = number, .at_once = true, .text = {}});
  CHECK(driver_.mailbox().Post<&LaneHost::OnOrder>(this, std::move(order)));
}

void LaneHost::OnDial(std::unique_ptr<LanePlan> plan) {
  lanes_.push_back(std::make_unique<HostedLane>(driver_, targets_, std::move(plan)));
}

void LaneHost::OnReturn(std::unique_ptr<LaneReturn> order) {
  for (const std::unique_ptr<HostedLane>& lane : lanes_) {
    if (!lane->Is(order->listener, order->number)) continue;
    return lane->Return(*order->outer, std::move(order->join));
  }
}

void LaneHost::OnOrder(std::unique_ptr<Order> order) {
  for (const std::unique_ptr<HostedLane>& lane : lanes_) {
    if (!lane->Is(order->listener, order->number)) continue;
    return order->at_once ? lane->Close() : lane->End(order->code, order->text);
  }
}

void LaneHost::Sweep() {
  std::erase_if(lanes_, [](const std::unique_ptr<HostedLane>& lane) { return lane->over(); });
}

}  // namespace agent
