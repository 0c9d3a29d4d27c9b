// One session of the plugin's parts on a simulated loop, with a FakeMachine at the other end, and
// the test in the place of the terminal.

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/plugin/channel_keeper.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/session_api.h"
#include "client/plugin/session_user.h"
#include "engine/sim/sim_loop.h"
#include "tests/unit/client/stream_peer.h"
#include "tests/unit/plugin/fake_machine.h"

namespace client {

class PluginWorld : private ChannelSession::Events,
                    private ChannelKeeper::Events,
                    private SessionUser::Events {
 public:
  static constexpr uint16_t kBlockCount = 512;

  // MakeUser makes who has the session's bytes, once its kind is known.
  using MakeUser = std::function<std::unique_ptr<SessionUser>(
      PluginWorld& world, const SessionKind& kind, SessionUser::Events& events)>;

  explicit PluginWorld(uint64_t seed, MakeUser make_user,
                       const engine::sim::Faults& faults = engine::sim::Faults());
  ~PluginWorld();  // Ends everything, and expects that nothing is left.

  bool Run(const std::function<bool()>& done);
  // RunFor lets virtual time pass.
  void RunFor(engine::Duration time);

  engine::sim::SimLoop& loop() { return *loop_; }

  // What was told, as the plugin would have printed it.
  std::optional<SessionKind> kind;
  std::optional<std::string> closed;
  std::string broken;
  bool timed_out = false;
  std::string failed;
  std::optional<UserEnd> user_end;
  // What an encrypted session asks for, and what it gets at once.
  std::string wanted_key;
  absl::StatusOr<DataKey> key = absl::UnavailableError("there is no key service");
  std::string text;

 private:
  void OnSessionKind(const SessionKind& its_kind) override;
  bool OnSessionData(engine::datachannel::PayloadType type, engine::ByteView bytes) override {
    return user == nullptr || user->TakeData(type, bytes);
  }
  void OnSessionRoom() override {
    if (user != nullptr) user->OnRoom();
  }
  void OnSessionKeyWanted(const std::string& key_id, const std::string& challenge) override {
    wanted_key = key_id + " " + challenge;
    session.ProvideKey(key);
  }
  void OnSessionClosed(const engine::datachannel::ChannelClosed& word) override {
    closed = word.output;
  }
  void OnSessionBroken(const std::string& why) override { broken = why; }
  void OnTimedOut() override { timed_out = true; }
  void OnKeeperFailed(const std::string& why) override { failed = why; }
  void OnUserEnded(const UserEnd& end) override { user_end = end; }
  void OnUserText(const std::string& line) override { text += line; }
  void OnPeerClosed(engine::Closed) {}

  const MakeUser make_user_;
  engine::sim::SimLoop* loop_;
  engine::LoopDriver driver_;

 public:
  FakeMachine machine;

 private:
  std::unique_ptr<engine::TlsContext> context_;

 public:
  EndpointApi api;
  ChannelSession session;
  ChannelKeeper keeper;
  // Our standard streams, and who has their other ends.
  std::array<engine::Socket, 2> ours;
  std::unique_ptr<StreamPeer> in, out;
  std::unique_ptr<SessionUser> user;
};

}  // namespace client
