// A port joined to our standard input and output: what ssh wants of a ProxyCommand.

#pragma once

#include "client/input_pump.h"
#include "client/plugin/byte_output.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/session_user.h"
#include "engine/loop/loop.h"

namespace client {

class StdioUser final : public SessionUser, private InputPump::Sink, private ByteOutput::Events {
 public:
  // The sockets stay open.
  StdioUser(engine::Loop& loop, ChannelSession& session, engine::Socket in, engine::Socket out,
            SessionUser::Events& events);

  bool TakeData(engine::datachannel::PayloadType type, engine::ByteView bytes) override;
  void OnRoom() override;
  bool TakeSignal(int) override { return false; }
  bool has_stdout() const override { return true; }
  bool idle() const override { return out_.idle(); }
  void Stop() override;
  bool joined() const override { return !in_.in_flight() && !out_.in_flight(); }

 private:
  size_t TakeInput(engine::BufferRef slice) override;
  void OnInputEnded(engine::IoError error) override;
  void OnOutputMoved(ByteOutput& output) override;
  void OnOutputFailed(ByteOutput& output, engine::IoError error) override;
  void End(UserEnd end);

  ChannelSession& session_;
  SessionUser::Events& events_;
  InputPump in_;
  ByteOutput out_;
  bool is_holding_ = false;
  bool ended_ = false;
};

}  // namespace client
