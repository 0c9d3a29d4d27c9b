#include "relay/gateway/port_conduit.h"

#include <algorithm>
#include <utility>

#include "engine/datachannel/agent_payloads.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::datachannel::kStreamPayloadMax;
using engine::datachannel::PayloadType;
using engine::datachannel::SessionFlag;

// ---------------------------------------------------------------- one connection

PortConduit::Line::~Line() {
  if (is_stream_open_) owner_.host_.multiplexer().Reset(stream_, CloseCode::kSessionEnded);
}

bool PortConduit::Line::Open() {
  stream_ = owner_.host_.multiplexer().Open(engine::Priority::kInteractive,
                                            engine::AsBytes(owner_.request_), *this);
  is_stream_open_ = stream_ != engine::kLinkStream;
  return is_stream_open_;
}

void PortConduit::Line::Leave() {
  is_left_ = true;
  if (is_stream_open_) {
    FinishInput();
    owner_.host_.multiplexer().Consume(stream_, output_.size());
  }
  output_.Clear();
}

// FinishInput ends our half, once: after that nothing may be written.
void PortConduit::Line::FinishInput() {
  if (!std::exchange(is_input_over_, true)) owner_.host_.multiplexer().Finish(stream_);
}

bool PortConduit::Line::Offer(ByteView bytes) {
  if (!is_stream_open_ || is_input_over_) return true;
  return input_.Offer(owner_.host_.multiplexer(), owner_.host_.pool(), stream_, bytes);
}

void PortConduit::Line::OnData(engine::Channel, engine::BufferRef payload) {
  if (is_left_) return owner_.host_.multiplexer().Consume(stream_, payload.size());
  output_.Append(payload.bytes());
  owner_.host_.OutputWaits();
}

void PortConduit::Line::OnFinished() {
  // Clients of this kind know no half of a connection: the target's end is the end.
  FinishInput();
  is_target_over_ = true;
  owner_.host_.OutputWaits();
}

void PortConduit::Line::OnRejected(CloseCode code, std::string_view text) {
  is_stream_open_ = false;
  is_over_ = true;
  owner_.host_.OutputWaits();
  if (is_left_) return;
  owner_.host_.Finish("Unable to connect to specified port: " + std::string(text),
                      "The target was not reached: " + std::string(engine::CloseCodeName(code)));
}

void PortConduit::Line::OnClosed(CloseCode, std::string_view) {
  is_stream_open_ = false;
  is_target_over_ = true;
  owner_.host_.OutputWaits();
}

void PortConduit::Line::Pump() {
  while (!output_.empty() && owner_.host_.HasRoom()) {
    const size_t size = std::min(output_.size(), kStreamPayloadMax);
    owner_.host_.Send(PayloadType::kOutput, output_.front().first(size));
    output_.Take(size);
    if (is_stream_open_) owner_.host_.multiplexer().Consume(stream_, size);
  }
  if (is_target_over_ && output_.empty()) is_over_ = is_left_ ? !is_stream_open_ : true;
}

// ---------------------------------------------------------------------- the session

void PortConduit::Dial() {
  line_ = &lines_.emplace_back(*this);
  if (line_->Open()) return;
  host_.Finish("Unable to connect to specified port: the relay has no room for it",
               "Too many streams.");
}

void PortConduit::HangUp() {
  if (line_ == nullptr) return;
  std::exchange(line_, nullptr)->Leave();
  if (lines_.size() > kLeavingMax) lines_.pop_front();
}

bool PortConduit::TakeInput(PayloadType type, ByteView payload) {
  if (type == PayloadType::kFlag) {
    SessionFlag flag{};
    if (!engine::datachannel::Decode(payload, flag)) return true;
    if (flag == SessionFlag::kDisconnectToPort) HangUp();
    if (flag == SessionFlag::kTerminateSession) {
      host_.Finish({}, "The client ended the session.");
    }
    return true;
  }
  if (type != PayloadType::kOutput) return true;
  if (line_ == nullptr) Dial();
  return line_->Offer(payload);
}

void PortConduit::PumpOutput() {
  for (Line& line : lines_) line.Pump();
  DropDone();
}

void PortConduit::DropDone() {
  if (line_ != nullptr && line_->is_over()) {
    line_ = nullptr;
    if (is_once_) host_.Finish({}, "The target closed the connection.");
  }
  // A client that has gone holds no connection; one that is there finds the next by its next byte.
  std::erase_if(lines_, [](const Line& line) { return line.is_over(); });
}

}  // namespace relay
