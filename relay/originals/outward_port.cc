#include "relay/originals/outward_port.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/datachannel/agent_payloads.h"
#include "relay/gateway/stream_input.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::datachannel::kStreamPayloadMax;
using engine::datachannel::PayloadType;
using engine::datachannel::SessionFlag;
using engine::datachannel::SmuxSession;

// ---------------------------------------------------------------- one connection

OutwardPort::Line::~Line() {
  if (is_stream_open_) owner_.host_.multiplexer().Reset(stream_, CloseCode::kSessionEnded);
}

void OutwardPort::Line::OnData(engine::Channel, engine::BufferRef payload) {
  input_.Append(payload.bytes());
  PumpInput();
}

void OutwardPort::Line::PumpInput() {
  if (!is_smux_open_) return;
  const size_t size = owner_.smux_.Write(id_, input_.front());
  input_.Take(size);
  if (is_stream_open_ && size > 0) owner_.host_.multiplexer().Consume(stream_, size);
  owner_.host_.InputWaits();
  if (!is_input_over_ || !input_.empty()) return;
  is_smux_open_ = false;
  owner_.smux_.Finish(id_);
  if (!is_stream_open_) owner_.Drop(id_, CloseCode::kNormal, {});
}

void OutwardPort::Line::OnFinished() {
  is_input_over_ = true;
  PumpInput();
}

void OutwardPort::Line::OnClosed(CloseCode code, std::string_view) {
  is_stream_open_ = false;
  // With both directions over there is nothing to end but what still waits for smux.
  if (code == CloseCode::kNormal && is_output_over_ && is_smux_open_) return;
  owner_.Drop(id_, code, {});
}

size_t OutwardPort::Line::TakeOutput(ByteView bytes) {
  if (!is_stream_open_) return bytes.size();
  has_answered_ = true;
  engine::Multiplexer& multiplexer = owner_.host_.multiplexer();
  const size_t written = WriteCopy(multiplexer, owner_.host_.pool(), stream_, bytes);
  if (written < bytes.size() && multiplexer.Writable(stream_) > 0) {
    owner_.dry_.push_back(id_);
    owner_.host_.RetryOutput();
  }
  return written;
}

void OutwardPort::Line::Retry() {
  if (!is_output_over_) owner_.smux_.Resume(id_);
}

void OutwardPort::Line::FinishOutput(bool is_refused) {
  is_output_over_ = true;
  if (is_refused && !has_answered_) {
    return owner_.Drop(id_, CloseCode::kConnectionRefused, "the node cannot reach the target");
  }
  if (is_stream_open_) owner_.host_.multiplexer().Finish(stream_);
  // The agent has closed the connection: what the client still sends goes nowhere.
  if (!is_stream_open_) owner_.Drop(id_, CloseCode::kNormal, {});
}

void OutwardPort::Line::Close(CloseCode code, std::string_view why) {
  if (std::exchange(is_stream_open_, false)) {
    owner_.host_.multiplexer().Reset(stream_, code, why);
  }
  if (std::exchange(is_smux_open_, false) || !is_output_over_) owner_.smux_.Abort(id_);
}

// ---------------------------------------------------------------------- the session

OutwardPort::OutwardPort(Host& host, size_t streams_max)
    : host_(host),
      streams_max_(streams_max),
      smux_(SmuxSession::Side::kClient, {.streams_max = streams_max}, *this) {}

OutwardPort::~OutwardPort() = default;

OutwardPort::Line* OutwardPort::Find(uint32_t id) {
  const auto found = lines_.find(id);
  return found == lines_.end() ? nullptr : found->second.get();
}

void OutwardPort::Open(engine::StreamId id) {
  if (is_over_) return host_.multiplexer().Reject(id, CloseCode::kSessionEnded, "it is over");
  if (is_started_) return Begin(id);
  if (waiting_.size() >= streams_max_) {
    return host_.multiplexer().Reject(id, CloseCode::kTooMany, "too many connections at once");
  }
  waiting_.push_back(id);
}

void OutwardPort::Start() {
  is_started_ = true;
  for (const engine::StreamId id : std::exchange(waiting_, {})) Begin(id);
}

void OutwardPort::Begin(engine::StreamId stream) {
  const uint32_t id = smux_.Open();
  if (id == 0) {
    return host_.multiplexer().Reject(stream, CloseCode::kTooMany, "too many connections at once");
  }
  auto line = std::make_unique<Line>(*this, stream, id);
  // Whether the target answers is known late, or never: its agent's word of a failure names none.
  if (host_.multiplexer().Accept(stream, *line)) {
    lines_.emplace(id, std::move(line));
  } else {
    line->Close(CloseCode::kNormal, {});
  }
  host_.InputWaits();
}

bool OutwardPort::TakeOutput(PayloadType type, ByteView payload) {
  if (is_over_) return true;
  if (type == PayloadType::kFlag) {
    SessionFlag flag{};
    const bool is_refusal =
        engine::datachannel::Decode(payload, flag) && flag == SessionFlag::kConnectToPortError;
    if (is_refusal && refused_count_ < streams_max_) ++refused_count_;
    return true;
  }
  if (type != PayloadType::kOutput) return true;
  is_output_refused_ = !smux_.CanReceive();
  if (is_output_refused_) return false;
  if (!smux_.Receive(payload)) {
    Abandon(CloseCode::kProtocolError, "what the node's agent sends is not smux, version 1");
    host_.Leave();
  }
  host_.InputWaits();
  return true;
}

size_t OutwardPort::OnData(uint32_t id, ByteView bytes) {
  Line* line = Find(id);
  return line == nullptr ? bytes.size() : line->TakeOutput(bytes);
}

void OutwardPort::OnFinished(uint32_t id) {
  Line* line = Find(id);
  if (line == nullptr) return;
  const bool is_refused = refused_count_ > 0;
  if (is_refused) --refused_count_;
  line->FinishOutput(is_refused);
}

void OutwardPort::OnRoom(uint32_t id) {
  Line* line = Find(id);
  if (line != nullptr) line->PumpInput();
}

void OutwardPort::Drop(uint32_t id, CloseCode code, std::string_view why) {
  const auto found = lines_.find(id);
  if (found == lines_.end()) return;
  found->second->Close(code, why);
  dropped_.push_back(std::move(found->second));
  lines_.erase(found);
  host_.InputWaits();
}

void OutwardPort::PumpInput() {
  dropped_.clear();
  for (const uint32_t id : std::exchange(dry_, {})) {
    if (Line* line = Find(id)) line->Retry();
  }
  if (is_output_refused_ && smux_.CanReceive()) {
    is_output_refused_ = false;
    host_.OutputMayGoOn();
  }
  std::array<std::byte, kStreamPayloadMax> payload;
  while (smux_.HasOutput() && host_.HasRoom()) {
    const size_t size = smux_.Gather(payload);
    if (size == 0) break;
    host_.Send(PayloadType::kOutput, ByteView(payload).first(size));
  }
}

void OutwardPort::Finish(const engine::datachannel::TaskComplete& task) {
  Abandon(CloseCode::kSessionEnded,
          task.output.empty() ? "the node's agent ended the session" : task.output);
}

void OutwardPort::Abandon(CloseCode code, std::string_view why) {
  is_over_ = true;
  for (const engine::StreamId id : std::exchange(waiting_, {})) {
    host_.multiplexer().Reject(id, code, why);
  }
  for (auto& [id, line] : std::exchange(lines_, {})) {
    line->Close(code, why);
    dropped_.push_back(std::move(line));
  }
}

}  // namespace relay
