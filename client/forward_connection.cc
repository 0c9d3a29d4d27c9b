#include "client/forward_connection.h"

#include <utility>

#include "engine/loop/socket_options.h"

namespace client {

using engine::CloseCode;
using engine::CloseMode;
using engine::IoError;

ForwardConnection::ForwardConnection(engine::Loop& loop, engine::Multiplexer& multiplexer,
                                     engine::Socket socket, Owner& owner)
    : loop_(loop),
      owner_(owner),
      socket_(socket),
      in_(loop, socket, *this, InputPump::Escapes::kOff),
      out_(loop, socket, *this),
      close_op_(engine::Handler<engine::Closed>::To<&ForwardConnection::OnSocketClosed>(this)),
      multiplexer_(multiplexer) {}

bool ForwardConnection::Open(engine::ByteView request) {
  stream_ = multiplexer_.Open(engine::Priority::kBulk, request, *this);
  if (stream_ == engine::kLinkStream) return false;
  loop_.SetOptions(socket_, engine::SocketOptions{});  // No delay: the local program decides.
  stream_open_ = true;
  in_.Start();
  return true;
}

void ForwardConnection::OnRejected(CloseCode code, std::string_view text) {
  stream_open_ = false;
  owner_.OnConnectionRefused(code, text);
  End(CloseMode::kReset);
}

void ForwardConnection::OnData(engine::Channel, engine::BufferRef payload) {
  CountBytes(payload.size());
  if (ending_ || out_.Push(std::move(payload))) return;
  multiplexer_.Reset(stream_, CloseCode::kTooMany, "data in too many crumbs for a slow reader");
  stream_open_ = false;
  End(CloseMode::kReset);
}

void ForwardConnection::OnFinished() {
  remote_finished_ = true;
  FinishOutput();
}

void ForwardConnection::OnClosed(CloseCode code, std::string_view) {
  stream_open_ = false;
  if (code != CloseCode::kNormal) {
    End(CloseMode::kReset);
  } else if (out_.idle()) {
    End(CloseMode::kOrderly);
  }
}

size_t ForwardConnection::TakeInput(engine::BufferRef slice) {
  if (!stream_open_) return slice.size();
  const size_t taken = multiplexer_.Write(stream_, engine::Channel::kMain, std::move(slice));
  CountBytes(taken);
  return taken;
}

void ForwardConnection::CountBytes(size_t bytes) {
  if (meter_.Add(bytes, loop_.Now())) owner_.OnConnectionBulk();
}

void ForwardConnection::OnInputEnded(IoError error) {
  if (ending_) {
    CloseIfJoined();
  } else if (error == IoError::kEndOfStream) {
    if (stream_open_) multiplexer_.Finish(stream_);
  } else {
    End(CloseMode::kReset);
  }
}

void ForwardConnection::OnPumped(OutputPump&, size_t bytes) {
  if (ending_) return CloseIfJoined();
  if (stream_open_) multiplexer_.Consume(stream_, bytes);
  FinishOutput();
  if (!stream_open_ && out_.idle()) End(CloseMode::kOrderly);
}

void ForwardConnection::OnPumpFailed(OutputPump&, IoError, size_t) {
  ending_ ? CloseIfJoined() : End(CloseMode::kReset);
}

// FinishOutput passes the remote's FINISH on, after all its bytes.
void ForwardConnection::FinishOutput() {
  if (ending_ || !remote_finished_ || !out_.idle() || std::exchange(output_finished_, true)) return;
  loop_.Shutdown(socket_, engine::ShutdownSide::kSend);
}

void ForwardConnection::End(CloseMode mode) {
  if (std::exchange(ending_, true)) return;
  close_mode_ = mode;
  if (std::exchange(stream_open_, false)) {
    multiplexer_.Reset(stream_, CloseCode::kConnectionReset, "the local connection was reset");
  }
  in_.Stop();
  out_.Stop();
  CloseIfJoined();
}

void ForwardConnection::CloseIfJoined() {
  if (in_.in_flight() || out_.in_flight() || close_op_.in_flight()) return;
  loop_.Close(close_op_, socket_, close_mode_);
}

void ForwardConnection::OnSocketClosed(engine::Closed) { owner_.OnConnectionOver(*this); }

}  // namespace client
