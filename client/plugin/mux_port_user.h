// A multiplexed port session: a listening port or socket here, one smux stream for each connection.
//
// smux 1 has no flow control: one local connection that does not read stops all of them once its
// backlog is full. That is the protocol's, and large backlogs are all that can be done about it.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/forward_listener.h"
#include "client/forward_spec.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/port_connection.h"
#include "client/plugin/session_user.h"
#include "engine/datachannel/smux_session.h"
#include "engine/loop/loop.h"

namespace client {

class MuxPortUser final : public SessionUser,
                          private ForwardListener::Events,
                          private PortConnection::Owner,
                          private engine::datachannel::SmuxSession::Handler {
 public:
  // Connections at once; more wait in the kernel's queue. As many batches fit into the pool.
  static constexpr size_t kConnectionsMax = 400;
  static constexpr size_t kBacklogMax = 4 * 1024 * 1024;  // Of one connection that does not read.
  static constexpr size_t kBacklogsMax = 16 * 1024 * 1024;

  // `session_id` is for what is said.
  MuxPortUser(engine::Loop& loop, ChannelSession& session, std::string session_id,
              SessionUser::Events& events);

  // Listen opens the local end and says so; what goes wrong is for people.
  absl::Status Listen(const ForwardSpec& spec);

  bool TakeData(engine::datachannel::PayloadType type, engine::ByteView bytes) override;
  void OnRoom() override { Pump(); }
  bool TakeSignal(int) override { return false; }
  bool idle() const override;
  engine::Duration patience() const override { return std::chrono::seconds(2); }
  void Stop() override;
  bool joined() const override { return listener_.joined() && connections_.empty(); }

  // What to connect to, "127.0.0.1:8080" or a path. Requires: Listen succeeded.
  const std::string& LocalText() const { return listener_.LocalText(); }

 private:
  void OnLocalConnection(engine::Socket socket) override;

  size_t OnLocalBytes(PortConnection& local, engine::ByteView bytes) override;
  void OnLocalFinished(PortConnection& local) override;
  void OnLocalMoved(PortConnection& local) override;
  void OnLocalBroken(PortConnection& local) override;
  void OnLocalOver(PortConnection& local) override;

  void OnOpened(uint32_t id) override;
  size_t OnData(uint32_t id, engine::ByteView bytes) override;
  void OnFinished(uint32_t id) override;
  void OnRoom(uint32_t id) override;

  // A stream is forgotten by smux_ when it is finished on both sides, or aborted.
  struct Joined {
    std::unique_ptr<PortConnection> local;
    bool is_finished = false;       // By us.
    bool is_peer_finished = false;  // And all of it was taken.
  };

  void Pump();
  void ResumeIfRoom();
  Joined* Find(uint32_t id);

  engine::Loop& loop_;
  ChannelSession& session_;
  const std::string session_id_;
  SessionUser::Events& events_;
  ForwardListener listener_;
  engine::datachannel::SmuxSession smux_;
  std::map<uint32_t, Joined> connections_;
  bool was_accepted_ = false;
  bool is_busy_ = false;  // Inside a call of smux_ that forbids others.
  bool is_holding_ = false;
  bool is_stopped_ = false;
};

}  // namespace client
