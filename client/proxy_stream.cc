#include "client/proxy_stream.h"

#include <utility>

namespace client {

using engine::CloseCode;
using engine::IoError;

ProxyStream::ProxyStream(engine::Loop& loop, engine::Multiplexer& multiplexer, engine::Socket in,
                         engine::Socket out, Events& events)
    : multiplexer_(multiplexer),
      events_(events),
      in_(loop, in, *this, InputPump::Escapes::kOff),
      out_(loop, out, *this) {}

bool ProxyStream::Open(engine::ByteView request) {
  stream_ = multiplexer_.Open(engine::Priority::kBulk, request, *this);
  if (stream_ == engine::kLinkStream) return false;
  stream_open_ = true;
  in_.Start();
  return true;
}

void ProxyStream::Stop() {
  ended_ = true;
  ResetStream(CloseCode::kConnectionReset, "the client stopped");
  in_.Stop();
  out_.Stop();
}

void ProxyStream::OnRejected(CloseCode code, std::string_view text) {
  stream_open_ = false;
  End({.kind = ProxyEnd::Kind::kRefused, .code = code, .text = std::string(text)});
}

void ProxyStream::OnData(engine::Channel, engine::BufferRef payload) {
  if (ended_ || out_.Push(std::move(payload))) return;
  ResetStream(CloseCode::kTooMany, "data in too many crumbs for a slow reader");
  End({.kind = ProxyEnd::Kind::kReset,
       .code = CloseCode::kTooMany,
       .text = "data came in more pieces than can wait for a slow reader"});
}

void ProxyStream::OnFinished() {
  remote_finished_ = true;
  GoOn();
}

void ProxyStream::OnClosed(CloseCode code, std::string_view text) {
  stream_open_ = false;
  if (code != CloseCode::kNormal) {
    return End({.kind = ProxyEnd::Kind::kReset, .code = code, .text = std::string(text)});
  }
  closed_in_order_ = true;
  GoOn();
}

size_t ProxyStream::TakeInput(engine::BufferRef slice) {
  const size_t size = slice.size();
  return stream_open_ ? multiplexer_.Write(stream_, engine::Channel::kMain, std::move(slice))
                      : size;
}

void ProxyStream::OnInputEnded(IoError error) {
  if (ended_) return;
  if (error == IoError::kEndOfStream) {
    if (stream_open_) multiplexer_.Finish(stream_);
    return;
  }
  ResetStream(CloseCode::kConnectionReset, "the client's input broke");
  End({.kind = ProxyEnd::Kind::kInputBroken, .code = CloseCode::kConnectionReset, .text = {}});
}

void ProxyStream::OnPumped(OutputPump&, size_t bytes) {
  if (stream_open_) multiplexer_.Consume(stream_, bytes);
  GoOn();
}

void ProxyStream::OnPumpFailed(OutputPump&, IoError, size_t) {
  if (ended_) return;
  ResetStream(CloseCode::kConnectionReset, "the client's output was closed");
  End({.kind = ProxyEnd::Kind::kOutputClosed, .code = CloseCode::kConnectionReset, .text = {}});
}

// GoOn does what had to wait until all bytes are out.
void ProxyStream::GoOn() {
  if (ended_ || !remote_finished_ || !out_.idle()) return;
  if (!std::exchange(output_finished_, true)) events_.OnOutputFinished();
  if (closed_in_order_) {
    End({.kind = ProxyEnd::Kind::kOrderly, .code = CloseCode::kNormal, .text = {}});
  }
}

void ProxyStream::ResetStream(CloseCode code, std::string_view text) {
  if (std::exchange(stream_open_, false)) multiplexer_.Reset(stream_, code, text);
}

void ProxyStream::End(ProxyEnd end) {
  if (std::exchange(ended_, true)) return;
  in_.Stop();
  events_.OnProxyEnded(end);
}

}  // namespace client
