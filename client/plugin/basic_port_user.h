// A port session with a machine that does not multiplex: one local connection at a time. Until
// there is one, nothing of the machine's is taken, which then repeats it.

#pragma once

#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/forward_listener.h"
#include "client/forward_spec.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/port_connection.h"
#include "client/plugin/session_user.h"
#include "engine/loop/loop.h"

namespace client {

class BasicPortUser final : public SessionUser,
                            private ForwardListener::Events,
                            private PortConnection::Owner {
 public:
  BasicPortUser(engine::Loop& loop, ChannelSession& session, std::string session_id,
                SessionUser::Events& events);

  // Listen opens the local end and says so; what goes wrong is for people.
  absl::Status Listen(const ForwardSpec& spec);

  bool TakeData(engine::datachannel::PayloadType type, engine::ByteView bytes) override;
  void OnRoom() override;
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

  PortConnection* active() { return connections_.empty() ? nullptr : connections_.front().get(); }
  // StartFront begins with the connection whose turn it is.
  void StartFront();
  void SendDisconnect();

  engine::Loop& loop_;
  ChannelSession& session_;
  const std::string session_id_;
  SessionUser::Events& events_;
  ForwardListener listener_;
  // The first one is joined to the machine's; a few more may have been accepted with it.
  std::deque<std::unique_ptr<PortConnection>> connections_;
  bool is_holding_ = false;
  bool disconnect_due_ = false;
  bool is_leaving_ = false;  // The first one has ended; what still comes is for nobody.
  bool is_stopped_ = false;
};

}  // namespace client
