// A program on a node, joined to this process's standard streams.
//
//     stdin  --> InputPump  --> stream (main channel)
//     stdout <-- OutputPump <-- stream (main channel)
//     stderr <-- OutputPump <-- stream (stderr channel)
//
// Ends, and what is told: the program exited and all its output is out; the stream was refused or
// reset; stdout was closed under us (then the program is reset, as ssh does).

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client/input_pump.h"
#include "client/output_pump.h"
#include "engine/mux/multiplexer.h"
#include "engine/wire/control.h"

namespace client {

struct StandardStreams {
  engine::Socket in;
  engine::Socket out;
  engine::Socket error;
};

struct ProcessEnd {
  enum class Kind : uint8_t { kExited, kRejected, kReset, kOutputClosed };
  Kind kind = Kind::kReset;
  engine::Exit exit;                                             // kExited.
  engine::CloseCode code = engine::CloseCode::kConnectionReset;  // kRejected, kReset.
  std::string text;  // kOutputClosed: empty when it was a pipe that nobody reads any more.
};

class RemoteProcess final : private engine::StreamEvents,
                            private InputPump::Sink,
                            private OutputPump::Events {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void OnProcessEnded(const ProcessEnd& end) = 0;  // Once.
    virtual void OnProcessEscape(Escape escape) = 0;
  };

  // The multiplexer must live until the end was told or Stop was called; the streams stay open.
  RemoteProcess(engine::Loop& loop, engine::Multiplexer& multiplexer, StandardStreams streams,
                InputPump::Escapes escapes, Events& events);

  // Open starts the program. False: the link takes no more streams.
  [[nodiscard]] bool Open(const engine::OpenRequest& request);

  void Resize(engine::TerminalSize size);
  void SendSignal(std::string_view name);

  // Stop ends everything at once; no event follows. The object may be destroyed when joined().
  void Stop();
  bool joined() const { return !in_.in_flight() && !out_.in_flight() && !error_.in_flight(); }

 private:
  void OnRejected(engine::CloseCode code, std::string_view text) override;
  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnControl(engine::ByteView message) override;
  void OnWritable() override { in_.Resume(); }
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

  size_t TakeInput(engine::BufferRef slice) override;
  void OnInputEnded(engine::IoError error) override;
  void OnEscape(Escape escape) override { events_.OnProcessEscape(escape); }

  void OnPumped(OutputPump& pump, size_t bytes) override;
  void OnPumpFailed(OutputPump& pump, engine::IoError error, size_t dropped_bytes) override;

  void FinishStream();
  void EndIfDone();
  void End(ProcessEnd end);

  engine::Multiplexer& multiplexer_;
  Events& events_;
  InputPump in_;
  OutputPump out_;
  OutputPump error_;
  engine::StreamId stream_ = engine::kLinkStream;
  bool stream_open_ = false;
  bool finished_ = false;  // Our half.
  bool remote_finished_ = false;
  bool ended_ = false;
  std::optional<engine::Exit> exit_;
  std::optional<ProcessEnd> pending_end_;  // Told once the output that came before it is out.
};

}  // namespace client
