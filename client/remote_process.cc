#include "client/remote_process.h"

#include <tuple>
#include <utility>

#include "client/terminal/link_notice.h"
#include "engine/base/check.h"

namespace client {

using engine::BufferRef;
using engine::CloseCode;

RemoteProcess::RemoteProcess(engine::Loop& loop, engine::Multiplexer& multiplexer,
                             StandardStreams streams, InputPump::Escapes escapes, Events& events)
    : multiplexer_(multiplexer),
      events_(events),
      in_(loop, streams.in, *this, escapes),
      out_(loop, streams.out, *this),
      error_(loop, streams.error, *this) {}

bool RemoteProcess::Open(const engine::OpenRequest& request) {
  const std::string json = engine::EncodeOpen(request);
  stream_ = multiplexer_.Open(engine::Priority::kInteractive, engine::AsBytes(json), *this);
  if (stream_ == engine::kLinkStream) return false;
  stream_open_ = true;
  in_.Start();
  return true;
}

void RemoteProcess::Resize(engine::TerminalSize size) {
  if (!stream_open_) return;
  // A queue that is full of sizes loses one; the next change sends the newest.
  std::ignore = multiplexer_.SendControl(stream_, engine::Encode(engine::Resize{.size = size}));
}

void RemoteProcess::SendSignal(std::string_view name) {
  if (!stream_open_) return;
  std::ignore =
      multiplexer_.SendControl(stream_, engine::Encode(engine::Signal{.name = std::string(name)}));
}

void RemoteProcess::Stop() {
  ended_ = true;
  if (std::exchange(stream_open_, false)) multiplexer_.Reset(stream_, CloseCode::kConnectionReset);
  in_.Stop();
  out_.Stop();
  error_.Stop();
}

void RemoteProcess::OnRejected(CloseCode code, std::string_view text) {
  stream_open_ = false;
  End({.kind = ProcessEnd::Kind::kRejected, .exit = {}, .code = code, .text = std::string(text)});
}

void RemoteProcess::OnData(engine::Channel channel, BufferRef payload) {
  OutputPump& pump = channel == engine::Channel::kMain ? out_ : error_;
  const size_t size = payload.size();
  if (pump.failed()) {  // Nobody reads stderr any more: as with ssh, the program goes on.
    multiplexer_.Consume(stream_, size);
    return;
  }
  FollowOutput(payload.bytes());
  if (pump.Push(std::move(payload))) return;
  multiplexer_.Reset(stream_, CloseCode::kTooMany, "output in too many crumbs");
  stream_open_ = false;
  End({.kind = ProcessEnd::Kind::kReset,
       .exit = {},
       .code = CloseCode::kTooMany,
       .text = "the output came in more pieces than can wait for a slow reader"});
}

void RemoteProcess::OnControl(engine::ByteView message) {
  engine::ControlMessage control;
  if (!engine::Decode(engine::AsText(message), control)) return;
  if (const auto* exit = std::get_if<engine::Exit>(&control)) exit_ = *exit;
}

void RemoteProcess::OnFinished() {
  remote_finished_ = true;
  EndIfDone();
}

void RemoteProcess::OnClosed(CloseCode code, std::string_view text) {
  stream_open_ = false;
  if (ended_ || pending_end_) return;
  pending_end_ = ProcessEnd{
      .kind = ProcessEnd::Kind::kReset, .exit = {}, .code = code, .text = std::string(text)};
  EndIfDone();
}

size_t RemoteProcess::TakeInput(BufferRef slice) {
  // Without a stream nobody wants the bytes; they are taken so that the source can end.
  const size_t size = slice.size();
  return stream_open_ ? multiplexer_.Write(stream_, engine::Channel::kMain, std::move(slice))
                      : size;
}

void RemoteProcess::OnInputEnded(engine::IoError) {
  // A source that broke is at its end, too: the program must not wait for more.
  FinishStream();
}

void RemoteProcess::FinishStream() {
  if (stream_open_ && !std::exchange(finished_, true)) multiplexer_.Finish(stream_);
}

void RemoteProcess::OnPumped(OutputPump&, size_t bytes) {
  OutputWritten(bytes);
  if (stream_open_) multiplexer_.Consume(stream_, bytes);
  EndIfDone();
}

void RemoteProcess::OnPumpFailed(OutputPump& pump, engine::IoError error, size_t dropped_bytes) {
  if (ended_) return;
  if (&pump == &error_) {
    // The program goes on, and its main output needs the credit.
    if (stream_open_) multiplexer_.Consume(stream_, dropped_bytes);
    EndIfDone();
    return;
  }
  if (std::exchange(stream_open_, false)) {
    multiplexer_.Reset(stream_, CloseCode::kConnectionReset, "the client's output was closed");
  }
  // That nobody reads any more is an end like any other. Anything else has lost bytes.
  const bool unread = error == engine::IoError::kReset;
  End({.kind = ProcessEnd::Kind::kOutputClosed,
       .exit = {},
       .text = unread ? std::string()
                      : "cannot write to the standard output; is the disk full, or the file "
                        "larger than it may be?"});
}

void RemoteProcess::EndIfDone() {
  if (ended_ || !out_.idle() || !error_.idle()) return;
  if (exit_ && (remote_finished_ || pending_end_)) {
    // Our half ends, too, and with it the stream: the node has nothing left to wait for.
    FinishStream();
    stream_open_ = false;  // Nothing more to say on it; Stop must not reset what ended well.
    End({.kind = ProcessEnd::Kind::kExited, .exit = *exit_, .text = {}});
  } else if (pending_end_) {
    End(*pending_end_);
  }
}

void RemoteProcess::End(ProcessEnd end) {
  if (std::exchange(ended_, true)) return;
  in_.Stop();
  events_.OnProcessEnded(end);
}

}  // namespace client
