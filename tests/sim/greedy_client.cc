#include "tests/sim/greedy_client.h"

#include <algorithm>
#include <utility>

#include "client/memory_plan.h"
#include "client/target_wish.h"
#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/wire/control.h"
#include "tests/sim/world_keys.h"

namespace sim {

using engine::CloseCode;

// Thing is one stream, until it is over.
class GreedyClient::Thing final : public engine::StreamEvents {
 public:
  using State = ThingState;

  explicit Thing(GreedyClient& client) : client_(client) {}

  // Open returns false where the link takes none.
  bool Open(const std::string& request) {
    engine::Multiplexer& mux = client_.link_->multiplexer();
    id_ = mux.Open(engine::Priority::kBulk, engine::AsBytes(request), *this);
    return id_ != engine::kLinkStream;
  }
  // End returns false of one that is not open, or has not said its plan yet.
  bool End() {
    if (state_ != State::kOpen || !has_plan_) return false;
    state_ = State::kEnding;
    client_.link_->multiplexer().Finish(id_);
    return true;
  }
  void SendPlan();
  State state() const { return state_; }

 private:
  void OnAccepted() override {
    state_ = State::kOpen;
    client_.Accepted();
    SendPlan();
  }
  void OnRejected(CloseCode code, std::string_view text) override {
    state_ = State::kOver;
    client_.Refused(code, std::string(text));
  }
  void OnData(engine::Channel, engine::BufferRef payload) override {
    client_.witness_.Blame("bytes came where none were sent");
    client_.link_->multiplexer().Consume(id_, payload.size());
  }
  void OnFinished() override {}
  void OnClosed(CloseCode, std::string_view) override { state_ = State::kOver; }

  GreedyClient& client_;
  engine::StreamId id_ = engine::kLinkStream;
  State state_ = State::kAsked;
  bool has_plan_ = false;
};

void GreedyClient::Thing::SendPlan() {
  if (state_ != State::kOpen || has_plan_) return;
  engine::BufferRef block = client_.loop().buffers().Take();
  if (block.empty()) return;  // It is tried again.
  const auto plan = client_.plan_.Pack();
  std::ranges::copy(plan, block.bytes().begin());
  block.KeepFirst(plan.size());
  // Its queue is empty.
  CHECK(client_.link_->multiplexer().Write(id_, engine::Channel::kMain, std::move(block)) ==
        plan.size());
  has_plan_ = true;
}

GreedyClient::GreedyClient(engine::sim::SimWorld& world, uint16_t block_count, bool is_sealed,
                           uint64_t number, Witness& witness)
    : SessionClient(world, block_count),
      plan_(PlanOf(number)),
      witness_(witness),
      asker_(driver(), is_sealed,
             client::TargetWish({kServerAddress, kPort}, "to have as much as there is"), witness,
             [this](client::LinkTarget target) { OnStarted(std::move(target)); }),
      pause_op_(engine::Handler<engine::Fired>::To<&GreedyClient::OnPauseOver>(this)) {}

GreedyClient::~GreedyClient() = default;

void GreedyClient::OnStarted(client::LinkTarget target) {
  target.options = client::ForwardLinkOptions(1, 1);
  target.options.streams_max =
      engine::kSessionStreamsMax + 2 * kAtOnce;  // Who refuses is the node.
  link_ = std::make_unique<client::SessionLink>(driver(), std::move(target), asker_.lanes(),
                                                static_cast<client::SessionLink::Events&>(*this));
  link_->Dial();
}

void GreedyClient::OnLinkEnded(client::SessionLink&, const client::LinkEnd& end) {
  is_link_over_ = true;
  end_text_ = end.text;
  engine::log::Write(engine::log::Level::kInfo, "client_over", {{"why", end_text_}});
  link_.reset();
}

// ---------------------------------------------------------------- its streams

size_t GreedyClient::Count(ThingState state) const {
  return static_cast<size_t>(
      std::ranges::count_if(things_, [&](const auto& thing) { return thing->state() == state; }));
}

engine::Instant GreedyClient::waits_since() const {
  const bool waits = phase_ == Phase::kMakingRoom || phase_ == Phase::kComingAgain;
  return waits && link_ != nullptr && !is_leaving() ? room_since_ : engine::Instant::max();
}

void GreedyClient::Accepted() {
  const size_t open = Count(ThingState::kOpen);
  if (open > engine::kSessionStreamsMax) {
    witness_.Blame("a session has " + std::to_string(open) + " streams");
  }
  if (phase_ != Phase::kComingAgain) return;
  witness_.Applied(Rule::kStreamsFull);
  phase_ = Phase::kDone;
}

void GreedyClient::Refused(CloseCode code, const std::string& text) {
  if (text.empty()) {
    witness_.Blame(std::string("a stream was refused without a reason, by ") +
                   std::string(engine::CloseCodeName(code)));
  }
  // The node may have no memory, or who is behind it takes no connection now.
  const bool is_full = code == CloseCode::kTooMany && text.find("as many streams") != text.npos;
  const engine::Duration pause =
      is_full && phase_ == Phase::kFilling ? engine::Duration::zero() : kPause;
  if (!pause_op_.in_flight()) driver().loop().StartTimer(pause_op_, loop().Now() + pause);
  if (!is_full) {
    room_since_ = loop().Now();
    return;
  }
  if (phase_ == Phase::kComingAgain) {
    if (++late_count_ > kLateMax) witness_.Blame("no stream opens although others have ended");
    return;
  }
  // Those that were not answered may all be there.
  if (Count(ThingState::kOpen) + Count(ThingState::kAsked) < engine::kSessionStreamsMax) {
    witness_.Blame("a stream is refused, and there are not as many as there may be");
  }
  ++refused_count_;
}

void GreedyClient::Ask(size_t at_once) {
  static const std::string request = [] {
    engine::TcpRequest tcp;
    tcp.host = kServerAddress;
    tcp.port = kPort;
    return engine::EncodeOpen(tcp);
  }();
  while (Count(ThingState::kAsked) < at_once && !pause_op_.in_flight()) {
    auto thing = std::make_unique<Thing>(*this);
    if (!thing->Open(request)) return;
    things_.push_back(std::move(thing));
  }
}

void GreedyClient::EndSome(size_t count) {
  for (const auto& thing : things_) {
    if (count == 0) return;
    if (thing->End()) --count;
  }
}

void GreedyClient::GoOn() {
  std::erase_if(things_, [](const auto& thing) { return thing->state() == ThingState::kOver; });
  for (const auto& thing : things_) thing->SendPlan();
  switch (phase_) {
    case Phase::kFilling:
      if (refused_count_ < kTooMany) return Ask(kAtOnce);
      if (Count(ThingState::kAsked) > 0) return;
      EndSome(kTooMany);
      phase_ = Phase::kMakingRoom;
      room_since_ = loop().Now();
      return;
    case Phase::kMakingRoom:
      if (Count(ThingState::kEnding) > 0) return;
      phase_ = Phase::kComingAgain;
      driver().loop().StartTimer(pause_op_, loop().Now() + kPause);
      return;
    case Phase::kComingAgain:
      return Ask(1);
    case Phase::kDone:
      return EndSome(things_.size());
  }
}

// ------------------------------------------------------------------- the end

void GreedyClient::AfterIteration() {
  const bool runs = link_ != nullptr && is_ready_ && !is_leaving();
  if (runs) GoOn();
  if (is_leaving() || is_link_over_) driver().loop().Cancel(pause_op_);
  const bool is_idle = link_ == nullptr && !asker_.is_asking() && !pause_op_.in_flight();
  const bool may_close = is_idle && (is_leaving() || is_link_over_);
  if (!may_close || std::exchange(are_calls_closed_, true)) return;
  asker_.Close();
}

bool GreedyClient::over() const {
  return are_calls_closed_ && asker_.joined() && link_ == nullptr && !pause_op_.in_flight();
}

void GreedyClient::Stop() {
  asker_.Stop();
  if (link_ != nullptr) link_->Close();
}

void GreedyClient::LetGo() {
  asker_.Stop();
  if (link_ != nullptr) link_->Abort();
}

}  // namespace sim
