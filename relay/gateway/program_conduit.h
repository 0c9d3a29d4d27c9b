#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "engine/datachannel/byte_fifo.h"
#include "engine/wire/control.h"
#include "relay/gateway/conduit.h"
#include "relay/gateway/program_stream.h"
#include "relay/gateway/stream_input.h"

namespace relay {

// ProgramTerms are what a document says of a shell or command.
struct ProgramTerms {
  bool with_terminal = true;
  // Without a terminal: standard error comes as such, and the exit code at the end.
  bool separates_output = false;
  std::string output_prefix;  // Before each run of standard output, and of standard error.
  std::string error_prefix;
};

// ProgramConduit is a shell or a command: one stream to the program of the session's grant.
class ProgramConduit final : public Conduit, private engine::StreamEvents {
 public:
  // The client tells its terminal's size first; a client that does not gets a usual one.
  static constexpr engine::Duration kSizeMax = std::chrono::seconds(1);

  ProgramConduit(Host& host, ProgramTerms terms)
      : host_(host), terms_(std::move(terms)), stream_(host) {}

  void Start() override;
  bool TakeInput(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void PumpOutput() override;
  engine::Instant NextDeadline() const override { return open_by_; }
  void HandleDeadline(engine::Instant now) override;

 private:
  enum class State : uint8_t { kNew, kWaitingForSize, kOpen, kOver };
  // Run is so many bytes of output_ that came one after another on one channel.
  struct Run {
    bool is_error = false;
    bool is_begun = false;
    size_t size = 0;
  };

  void OnRejected(engine::CloseCode code, std::string_view text) override;
  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnControl(engine::ByteView message) override;
  void OnWritable() override { host_.InputMayGoOn(); }
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

  void Open();
  bool TakeBytes(engine::ByteView bytes);
  void TakeSize(engine::ByteView payload);
  void SendSignal(std::string_view name);
  void SendRun(Run& run);
  void FinishSession();

  Host& host_;
  const ProgramTerms terms_;
  State state_ = State::kNew;
  ProgramStream stream_;
  engine::TerminalSize size_;
  bool is_size_known_ = false;
  engine::Instant open_by_ = engine::Instant::max();
  StreamInput input_;
  engine::datachannel::ByteFifo output_;  // At most the stream's window.
  std::deque<Run> runs_;                  // What is in output_.
  std::optional<engine::Exit> exit_;
};

}  // namespace relay
