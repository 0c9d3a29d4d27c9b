#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/datachannel/byte_fifo.h"
#include "engine/wire/control.h"
#include "relay/gateway/stream_input.h"
#include "relay/originals/outward_conduit.h"

namespace relay {

// OutwardProgram is a shell or a command that an original agent runs for one stream.
class OutwardProgram final : public OutwardConduit, private engine::StreamEvents {
 public:
  struct Terms {
    bool with_terminal = false;
    engine::TerminalSize size;  // At the start.
  };

  OutwardProgram(Host& host, const Terms& terms) : host_(host), terms_(terms) {}
  ~OutwardProgram() override;

  void Open(engine::StreamId id) override { stream_ = id; }
  void Start() override;
  bool TakeOutput(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void PumpInput() override;
  void Finish(const engine::datachannel::TaskComplete& task) override;
  bool done() const override { return state_ == State::kOver; }
  void Abandon(engine::CloseCode code, std::string_view why) override;

 private:
  enum class State : uint8_t { kOpened, kAccepted, kFinished, kOver };

  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnControl(engine::ByteView message) override;
  void OnWritable() override { host_.OutputMayGoOn(); }
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

  // Type adds a byte that means something to a terminal, and to agents for commands without one.
  void Type(char byte);
  void SendSize();
  void SayExit(const engine::datachannel::TaskComplete& task);

  Host& host_;
  const Terms terms_;
  engine::StreamId stream_ = engine::kLinkStream;
  State state_ = State::kOpened;
  StreamInput output_;
  engine::datachannel::ByteFifo input_;  // At most the stream's window, and a few bytes.
  size_t unconsumed_ = 0;                // Of those in input_.
  std::optional<engine::TerminalSize> size_;
  std::optional<int> exit_code_;
};

}  // namespace relay
