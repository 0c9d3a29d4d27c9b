#include "relay/gateway/multiplexed_conduit.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "engine/buffer/dry_pool.h"
#include "engine/datachannel/agent_payloads.h"
#include "relay/gateway/stream_input.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::datachannel::kStreamPayloadMax;
using engine::datachannel::PayloadType;
using engine::datachannel::SessionFlag;

// ---------------------------------------------------------------- one connection

MultiplexedConduit::Line::~Line() {
  if (is_stream_open_) owner_.host_.multiplexer().Reset(stream_, CloseCode::kSessionEnded);
}

bool MultiplexedConduit::Line::Open() {
  stream_ = owner_.host_.multiplexer().Open(engine::Priority::kBulk,
                                            engine::AsBytes(owner_.request_), *this);
  is_stream_open_ = stream_ != engine::kLinkStream;
  heard_at_ = owner_.host_.Now();
  return is_stream_open_;
}

void MultiplexedConduit::Line::Close() {
  if (std::exchange(is_stream_open_, false)) {
    owner_.host_.multiplexer().Reset(stream_, CloseCode::kSessionEnded);
  }
  if (!is_input_over_) {
    owner_.smux_.Abort(id_);
  } else if (!is_finish_said_) {
    owner_.smux_.Finish(id_);
  }
  is_finish_said_ = true;
}

size_t MultiplexedConduit::Line::Write(ByteView bytes) {
  if (!is_stream_open_) return bytes.size();
  engine::Multiplexer& multiplexer = owner_.host_.multiplexer();
  const size_t written = WriteCopy(multiplexer, owner_.host_.pool(), stream_, bytes);
  if (written < bytes.size() && multiplexer.Writable(stream_) > 0) owner_.RetryLater(id_);
  return written;
}

void MultiplexedConduit::Line::FinishInput() {
  is_input_over_ = true;
  heard_at_ = owner_.host_.Now();
  if (is_stream_open_) owner_.host_.multiplexer().Finish(stream_);
}

void MultiplexedConduit::Line::OnRejected(CloseCode, std::string_view) {
  is_stream_open_ = false;
  owner_.TellUnreachable();
  owner_.Drop(id_);
}

void MultiplexedConduit::Line::OnData(engine::Channel, engine::BufferRef payload) {
  heard_at_ = owner_.host_.Now();
  output_.Append(payload.bytes());
  PumpOutput();
}

void MultiplexedConduit::Line::OnWritable() {
  Retry();
  owner_.host_.InputMayGoOn();
}

void MultiplexedConduit::Line::Retry() {
  if (!is_input_over_) owner_.smux_.Resume(id_);
}

void MultiplexedConduit::Line::OnFinished() {
  is_target_over_ = true;
  PumpOutput();
}

void MultiplexedConduit::Line::OnClosed(CloseCode code, std::string_view) {
  is_stream_open_ = false;
  // A node with an original agent hears late that the target cannot be reached.
  if (code == CloseCode::kConnectionRefused) owner_.TellUnreachable();
  if (code != CloseCode::kNormal || is_finish_said_) return owner_.Drop(id_);
  is_target_over_ = true;
  PumpOutput();
}

void MultiplexedConduit::Line::PumpOutput() {
  if (is_finish_said_) return;
  const size_t size = owner_.smux_.Write(id_, output_.front());
  output_.Take(size);
  if (is_stream_open_) owner_.host_.multiplexer().Consume(stream_, size);
  owner_.host_.OutputWaits();
  if (!is_target_over_ || !output_.empty()) return;
  is_finish_said_ = true;
  owner_.smux_.Finish(id_);
  if (!is_stream_open_) owner_.Drop(id_);
}

// ---------------------------------------------------------------------- the session

MultiplexedConduit::MultiplexedConduit(Host& host, std::string request, size_t streams_max)
    : host_(host),
      request_(std::move(request)),
      smux_(engine::datachannel::SmuxSession::Side::kMachine, {.streams_max = streams_max}, *this) {
}

MultiplexedConduit::~MultiplexedConduit() = default;

bool MultiplexedConduit::TakeInput(PayloadType type, ByteView payload) {
  if (type == PayloadType::kFlag) {
    SessionFlag flag{};
    if (engine::datachannel::Decode(payload, flag) && flag == SessionFlag::kTerminateSession) {
      host_.Finish({}, "The client ended the session.");
    }
    return true;
  }
  if (type != PayloadType::kOutput) return true;
  if (!smux_.CanReceive()) return false;
  if (!smux_.Receive(payload)) {
    host_.Finish("The client's multiplexer sent what is not smux version 1.",
                 "The client broke the protocol.");
  }
  host_.OutputWaits();
  return true;
}

void MultiplexedConduit::OnOpened(uint32_t id) {
  Drop(id);  // A client may use an id again when its side is over and the target's is not.
  auto line = std::make_unique<Line>(*this, id);
  Line& opened = *line;
  lines_.emplace(id, std::move(line));
  ArmSweep();
  if (opened.Open()) return;
  TellUnreachable();
  Drop(id);
}

size_t MultiplexedConduit::OnData(uint32_t id, ByteView bytes) {
  const auto found = lines_.find(id);
  return found == lines_.end() ? bytes.size() : found->second->Write(bytes);
}

void MultiplexedConduit::OnFinished(uint32_t id) {
  const auto found = lines_.find(id);
  if (found != lines_.end()) found->second->FinishInput();
}

void MultiplexedConduit::OnRoom(uint32_t id) {
  const auto found = lines_.find(id);
  if (found != lines_.end()) found->second->PumpOutput();
}

void MultiplexedConduit::Drop(uint32_t id) {
  const auto found = lines_.find(id);
  if (found == lines_.end()) return;
  found->second->Close();
  dropped_.push_back(std::move(found->second));
  lines_.erase(found);
  host_.OutputWaits();
}

void MultiplexedConduit::RetryLater(uint32_t id) {
  if (std::ranges::find(dry_, id) == dry_.end()) dry_.push_back(id);
  retry_at_ = host_.Now() + engine::kDryPoolPause;
  host_.OutputWaits();  // The deadline is looked at again.
}

void MultiplexedConduit::RetryDry() {
  retry_at_ = engine::Instant::max();
  for (const uint32_t id : std::exchange(dry_, {})) {
    const auto found = lines_.find(id);
    if (found != lines_.end()) found->second->Retry();
  }
  host_.InputMayGoOn();
}

void MultiplexedConduit::TellUnreachable() {
  is_unreachable_due_ = true;
  host_.OutputWaits();
}

void MultiplexedConduit::PumpOutput() {
  dropped_.clear();
  if (is_unreachable_due_ && host_.HasRoom()) {
    is_unreachable_due_ = false;
    host_.Send(PayloadType::kFlag, engine::datachannel::Encode(SessionFlag::kConnectToPortError));
  }
  std::array<std::byte, kStreamPayloadMax> payload;
  while (smux_.HasOutput() && host_.HasRoom()) {
    const size_t size = smux_.Gather(payload);
    if (size == 0) break;
    host_.Send(PayloadType::kOutput, ByteView(payload).first(size));
  }
}

void MultiplexedConduit::ArmSweep() {
  if (sweep_at_ == engine::Instant::max()) sweep_at_ = host_.Now() + kHalfClosedMax / 3;
}

void MultiplexedConduit::HandleDeadline(engine::Instant now) {
  if (now >= retry_at_) RetryDry();
  if (now < sweep_at_) return;
  sweep_at_ = engine::Instant::max();
  std::vector<uint32_t> stale;
  for (const auto& [id, line] : lines_) {
    if (line->IsStale(now - kHalfClosedMax)) stale.push_back(id);
  }
  for (const uint32_t id : stale) Drop(id);
  if (!lines_.empty()) ArmSweep();
}

}  // namespace relay
