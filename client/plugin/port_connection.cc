#include "client/plugin/port_connection.h"

#include "engine/datachannel/agent_payloads.h"
#include "engine/loop/socket_options.h"

namespace client {

using engine::IoError;

bool IsPortError(engine::datachannel::PayloadType type, engine::ByteView payload) {
  engine::datachannel::SessionFlag flag{};
  return type == engine::datachannel::PayloadType::kFlag && Decode(payload, flag) &&
         flag == engine::datachannel::SessionFlag::kConnectToPortError;
}

PortConnection::PortConnection(engine::Loop& loop, engine::Socket socket, uint32_t id, Owner& owner)
    : loop_(loop),
      socket_(socket),
      id_(id),
      owner_(owner),
      in_(loop, socket, *this, InputPump::Escapes::kOff),
      out_(loop, socket, *this),
      close_op_(engine::Handler<engine::Closed>::To<&PortConnection::OnClosed>(this)) {
  loop_.SetOptions(socket_, {.no_delay = true});
}

void PortConnection::FinishOutput() {
  output_done_ = true;
  CloseIfDone();
}

void PortConnection::Abort() {
  if (is_aborted_ || is_closing_) return;
  is_aborted_ = true;
  in_.Stop();
  out_.Stop();
  CloseIfDone();
}

size_t PortConnection::TakeInput(engine::BufferRef slice) {
  return is_aborted_ ? slice.size() : owner_.OnLocalBytes(*this, slice.bytes());
}

void PortConnection::OnInputEnded(IoError error) {
  if (is_aborted_) return CloseIfDone();
  if (error != IoError::kEndOfStream) return Break();
  input_done_ = true;
  owner_.OnLocalFinished(*this);
  CloseIfDone();
}

void PortConnection::OnOutputMoved(ByteOutput&) {
  owner_.OnLocalMoved(*this);
  CloseIfDone();
}

void PortConnection::OnOutputFailed(ByteOutput&, IoError) {
  if (is_aborted_) return CloseIfDone();
  Break();
}

void PortConnection::Break() {
  owner_.OnLocalBroken(*this);
  Abort();
}

void PortConnection::CloseIfDone() {
  if (is_closing_) return;
  const bool is_over = is_aborted_ || (input_done_ && output_done_ && out_.idle());
  if (!is_over) {
    if (!output_done_ || !out_.idle() || is_shut_) return;
    is_shut_ = true;
    loop_.Shutdown(socket_, engine::ShutdownSide::kSend);
    return;
  }
  if (in_.in_flight() || out_.in_flight()) return;  // Their ends come here again.
  is_closing_ = true;
  loop_.Close(close_op_, socket_,
              is_aborted_ ? engine::CloseMode::kReset : engine::CloseMode::kOrderly);
}

void PortConnection::OnClosed(engine::Closed) { owner_.OnLocalOver(*this); }

}  // namespace client
