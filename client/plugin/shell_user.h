// A shell or a command: our standard input and output, the terminal's size, and keys that mean
// signals.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "client/input_pump.h"
#include "client/plugin/byte_output.h"
#include "client/plugin/channel_session.h"
#include "client/plugin/session_user.h"
#include "client/terminal/terminal_posix.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/loop/loop.h"

namespace client {

class ShellUser final : public SessionUser, private InputPump::Sink, private ByteOutput::Events {
 public:
  // Whether the far side has a terminal: then ours gives every key to it. Else a ^C is a byte that
  // stands for an interrupt, and nothing else of what is typed counts.
  enum class FarSide : uint8_t { kTerminal, kPipe };

  // What a machine is told where there is no terminal here, as the original says.
  static constexpr engine::datachannel::WindowSize kNoTerminalSize{.columns = 300, .rows = 100};

  // Input that is at its end is so for every program that reads there, and a terminal tells only
  // the one that reads in that moment. So it is typed again when what came has been quiet for so
  // long: then somebody may be waiting.
  static constexpr engine::Duration kEndAgainAfter = std::chrono::seconds(1);

  // `terminal` is a descriptor that may be one; -1: none. `in` and `out` stay open.
  ShellUser(engine::Loop& loop, ChannelSession& session, engine::Socket in, engine::Socket out,
            int terminal, FarSide far_side, SessionUser::Events& events);

  bool TakeData(engine::datachannel::PayloadType type, engine::ByteView bytes) override;
  void OnRoom() override;
  bool TakeSignal(int number) override;
  std::optional<int> exit_code() const override { return exit_code_; }
  bool idle() const override { return out_.idle(); }
  void Stop() override;
  bool joined() const override {
    return !in_.in_flight() && !out_.in_flight() && !end_again_op_.in_flight();
  }

 private:
  size_t TakeInput(engine::BufferRef slice) override;
  void OnInputEnded(engine::IoError error) override;
  void OnEscape(Escape escape) override;
  void OnOutputMoved(ByteOutput& output) override;
  void OnOutputFailed(ByteOutput& output, engine::IoError error) override;

  void SendSize();
  void SendEnd();
  // SendEndLater asks for it once more, kEndAgainAfter from now.
  void SendEndLater();
  void OnQuiet(engine::Fired outcome);
  void End(UserEnd end);

  engine::Loop& loop_;
  ChannelSession& session_;
  SessionUser::Events& events_;
  const int descriptor_;
  const FarSide far_side_;
  std::unique_ptr<RawTerminal> terminal_;
  InputPump in_;
  ByteOutput out_;
  std::optional<engine::datachannel::WindowSize> unsent_size_;
  size_t ends_due_ = 0;  // End-of-file characters that are to be typed yet.
  bool is_at_line_start_ = true;
  bool is_input_over_ = false;
  engine::Instant end_again_at_{};
  engine::TimerOp end_again_op_;
  bool is_holding_ = false;  // The session, until more of the output is out.
  bool ended_ = false;
  std::optional<int> exit_code_;
};

}  // namespace client
