#include "tests/unit/plugin/plugin_world.h"

#include <utility>

namespace client {

using engine::sim::SimLoop;

PluginWorld::PluginWorld(uint64_t seed, MakeUser make_user, const engine::sim::Faults& faults)
    : make_user_(std::move(make_user)),
      loop_(new SimLoop(seed, faults, kBlockCount, 32 * 1024)),
      driver_(std::unique_ptr<engine::Loop>(loop_)),
      machine(driver_),
      context_(machine.ClientContext()),
      api(driver_, *context_,
          {.url = *engine::ParseSecureUrl("https", "https://10.0.0.1"),
           .region = "eu-west-1",
           .session_id = "s"},
          Credentials{.access_key_id = "AKID", .secret_access_key = "secret"},
          engine::test::TestClock()),
      session(
          *loop_, [] { return int64_t{1}; }, seed, static_cast<ChannelSession::Events&>(*this)),
      keeper(driver_, *context_, machine.Ticket(), api, session, seed,
             static_cast<ChannelKeeper::Events&>(*this)) {
  const auto in_pair = loop_->ConnectedPair();
  const auto out_pair = loop_->ConnectedPair();
  ours = {in_pair[0], out_pair[0]};
  in = std::make_unique<StreamPeer>(*loop_, in_pair[1]);
  out = std::make_unique<StreamPeer>(*loop_, out_pair[1]);
}

PluginWorld::~PluginWorld() {
  if (user != nullptr) user->Stop();
  session.Stop();
  keeper.Stop(ChannelKeeper::Manner::kAtOnce);
  api.Close();
  EXPECT_TRUE(Run([this] {
    return keeper.joined() && session.joined() && api.joined() &&
           (user == nullptr || user->joined()) && machine.Stop();
  }));
  in->Close();
  out->Close();
  engine::CloseOp close_in(engine::Handler<engine::Closed>::To<&PluginWorld::OnPeerClosed>(this));
  engine::CloseOp close_out(engine::Handler<engine::Closed>::To<&PluginWorld::OnPeerClosed>(this));
  loop_->Close(close_in, ours[0]);
  loop_->Close(close_out, ours[1]);
  EXPECT_TRUE(Run([this] { return loop_->in_flight_count() == 0; }));
  user.reset();
}

bool PluginWorld::Run(const std::function<bool()>& done) {
  const engine::Instant end = loop_->Now() + std::chrono::minutes(30);
  while (!done()) {
    if (loop_->Now() > end) return false;
    driver_.RunOnce(std::chrono::milliseconds(20));
    machine.Step();
  }
  return true;
}

void PluginWorld::RunFor(engine::Duration time) {
  const engine::Instant end = loop_->Now() + time;
  Run([&] { return loop_->Now() >= end; });
}

void PluginWorld::OnSessionKind(const SessionKind& its_kind) {
  EXPECT_FALSE(kind.has_value());
  kind = its_kind;
  user = make_user_(*this, its_kind, static_cast<SessionUser::Events&>(*this));
}

}  // namespace client
