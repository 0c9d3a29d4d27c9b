#include "relay/switchboard/switch_port.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/wire/session_plan.h"

namespace relay {

using engine::ByteReader;
using engine::ByteView;
using engine::CloseCode;
using engine::FrameType;
using engine::PeerError;
using engine::StreamId;

namespace {

PeerError ToPeerError(Flow::Verdict verdict) {
  switch (verdict) {
    case Flow::Verdict::kOk:
      return {};
    case Flow::Verdict::kBeyondLimit:
      return {CloseCode::kFlowControl, "data beyond the limit"};
    case Flow::Verdict::kAfterFinish:
      return PeerError::Protocol("data or finish after a finish");
    case Flow::Verdict::kWrongFinish:
      return PeerError::Protocol("finish at another offset");
  }
  CHECK(false);
}

PeerError ToPeerError(engine::CreditError error) {
  if (error == engine::CreditError::kNone) return {};
  return PeerError::Protocol(engine::CreditErrorText(error));
}

// ReadClose splits the payload of a reject, reset or goaway.
bool ReadClose(ByteView payload, CloseCode& code, std::string_view& text) {
  ByteReader reader(payload);
  uint16_t number = 0;
  if (!reader.Read(number)) return false;
  code = static_cast<CloseCode>(number);
  text = engine::AsText(reader.rest());
  return true;
}

std::array<std::byte, sizeof(uint64_t)> LimitBytes(uint64_t limit) {
  std::array<std::byte, sizeof(uint64_t)> bytes;
  engine::StoreBig(bytes.data(), limit);
  return bytes;
}

uint32_t Number(StreamId id) { return static_cast<uint32_t>(id); }

}  // namespace

SwitchPort::SwitchPort(const Options& options, engine::RecordCarrier& carrier,
                       engine::BufferPool& pool, Events& events, engine::Instant now)
    : options_(options),
      carrier_(carrier),
      events_(events),
      queue_({.link_bytes_max = options.link_bytes_max,
              .data_items_max = LinkBudget::kPiecesMax,
              .control_messages_max = options.control_messages_max,
              .chunks = engine::OutputQueue::Chunks::kWhole},
             pool, *this),
      budget_(options.peer_opens ? options.circuits_max : 0),
      liveness_(options.peer_opens ? engine::kAcceptedLiveness
                                   : engine::Resting(engine::kAcceptedLiveness),
                now),
      hello_deadline_(now + options.hello_max) {}

SwitchPort::~SwitchPort() { CHECK(ends_.empty()); }

// -------------------------------------------------------------- from the relay

StreamId SwitchPort::NextStreamId() {
  CHECK(!options_.peer_opens);
  return StreamId{last_id_ += 2};  // Even: this side accepted the connection.
}

bool SwitchPort::Connect(StreamId id, engine::Priority priority, SwitchPort& node_port,
                         uint32_t serial, uint64_t limit, std::string_view request) {
  CHECK(options_.peer_opens);
  if (over_ || node_port.over_) {
    Reject(id, CloseCode::kNodeGone, "the node is disconnecting");
    return false;
  }
  if (draining_ || node_port.draining_) {
    Reject(id, CloseCode::kShuttingDown,
           std::string(engine::kRelayStoppingText) + "; try again soon");
    return false;
  }
  if (ends_.size() >= options_.circuits_max ||
      node_port.ends_.size() >= node_port.options_.circuits_max) {
    Reject(id, CloseCode::kTooMany, "too many streams are open on this link");
    return false;
  }
  // The other half is for the resets of what is open: they must never be too many.
  if (node_port.queue_.link_bytes() >= node_port.options_.link_bytes_max / 2) {
    Reject(id, CloseCode::kTooMany, "too many streams are being opened on this node");
    return false;
  }
  auto circuit = std::make_unique<Circuit>(*this, id, node_port, node_port.NextStreamId(), priority,
                                           budget_.Reserve());
  circuit->serial = serial;
  CircuitEnd& client = circuit->client;
  CircuitEnd& node = circuit->node;
  CHECK(queue_.Open(client, limit));
  const auto limit_bytes = LimitBytes(node.flow.Grant(client.window()).limit);
  const uint8_t flags =
      priority == engine::Priority::kInteractive ? engine::kFlagInteractive : uint8_t{0};
  ends_.emplace(id, &client);
  node_port.ends_.emplace(node.id(), &node);
  node_port.liveness_.SetOccupied(true);
  circuits_.emplace(id, std::move(circuit));
  node_port.Push(FrameType::kOpen, flags, node.id(), {limit_bytes, engine::AsBytes(request)});
  return true;
}

void SwitchPort::Reject(StreamId id, CloseCode code, std::string_view text) {
  PushClose(FrameType::kReject, id, code, text);
}

void SwitchPort::SendHello(const engine::Hello& hello) {
  hello_sent_ = true;
  SendControl(hello);
}

void SwitchPort::SendControl(const engine::ControlMessage& message) {
  Push(FrameType::kControl, 0, engine::kLinkStream, {engine::AsBytes(engine::Encode(message))});
}

void SwitchPort::Goaway(CloseCode code, std::string_view text) {
  if (over_) return;
  over_ = true;
  queue_.ClearLink();
  EndAll(code, text);
  static_cast<void>(queue_.PushClose(FrameType::kGoaway, engine::kLinkStream, code, text));
  carrier_.OutputReady();
  carrier_.CloseAfterOutput();
}

void SwitchPort::Drain(CloseCode code, std::string_view text) {
  if (over_ || draining_) return;
  PushClose(FrameType::kGoaway, engine::kLinkStream, code, text);
  draining_ = true;
  CloseIfDrained();
}

void SwitchPort::CloseIfDrained() {
  if (!draining_ || over_ || !ends_.empty()) return;
  over_ = true;
  carrier_.CloseAfterOutput();
}

void SwitchPort::EndAll(CloseCode code, std::string_view text) {
  over_ = true;
  while (!ends_.empty()) {
    CircuitEnd& end = *ends_.begin()->second;
    End(end.circuit, &end.other(), nullptr, code, text);
  }
}

// -------------------------------------------------------------- from the peer

void SwitchPort::Receive(engine::BufferRef plaintext, engine::Instant now) {
  if (over_) return;
  liveness_.Heard(now);
  parser_.Feed(std::move(plaintext));
  Frame frame;
  while (!over_) {
    switch (parser_.Next(frame)) {
      case engine::FrameParser::Result::kHungry:
        return;
      case engine::FrameParser::Result::kBroken:
        return Fail(CloseCode::kProtocolError, engine::FrameErrorText(parser_.error()));
      case engine::FrameParser::Result::kFrame:
        break;
    }
    const PeerError error = HandleFrame(frame, now);
    if (!error.ok()) return Fail(error.code, error.text);
  }
  parser_.Drop();
}

PeerError SwitchPort::HandleFrame(Frame& frame, engine::Instant now) {
  // A goaway may stand in the place of the hello.
  const FrameType type = frame.header.type;
  if (!hello_seen_ && type != FrameType::kControl && type != FrameType::kGoaway) {
    return PeerError::Protocol("the first frame is not a hello");
  }
  if (type != FrameType::kPing) liveness_.Used(now);
  if (frame.header.stream == engine::kLinkStream) return HandleLinkFrame(frame, now);
  if (frame.header.type == FrameType::kOpen) return HandleOpen(frame);
  const auto found = ends_.find(frame.header.stream);
  if (found != ends_.end()) return HandleStreamFrame(*found->second, frame, now);
  // Frames that crossed with our reset are nobody's mistake.
  if (WasClosed(frame.header.stream)) return {};
  return PeerError::Protocol("a frame of a stream that was never opened");
}

PeerError SwitchPort::HandleLinkFrame(const Frame& frame, engine::Instant now) {
  switch (frame.header.type) {
    case FrameType::kPing:
      if ((frame.header.flags & engine::kFlagAnswer) == 0) {
        // Our first frame is the hello; a later ping gets its answer.
        if (!hello_sent_) return {};
        Push(FrameType::kPing, engine::kFlagAnswer, engine::kLinkStream, {frame.payload});
      } else {
        liveness_.Answered(engine::LoadBig<uint64_t>(frame.payload.data()), now);
      }
      return {};
    case FrameType::kControl:
      return HandleLinkControl(frame);
    case FrameType::kGoaway:
      return {};  // The end of the connection follows, and tells the rest.
    case FrameType::kAck:
      return PeerError::Protocol("an acknowledgement on a link that does not resume");
    default:
      return PeerError::Protocol("a stream's frame on the link");
  }
}

PeerError SwitchPort::HandleLinkControl(const Frame& frame) {
  engine::ControlMessage message;
  if (!engine::Decode(engine::AsText(frame.payload), message)) {
    return PeerError::Protocol("a control message that cannot be read");
  }
  const auto* hello = std::get_if<engine::Hello>(&message);
  if (hello_seen_) {
    if (hello != nullptr) return PeerError::Protocol("a second hello");
    events_.OnControl(message);
    return {};
  }
  if (hello == nullptr) return PeerError::Protocol("the first message is not a hello");
  hello_seen_ = true;
  events_.OnHello(*hello);
  return {};
}

PeerError SwitchPort::HandleOpen(const Frame& frame) {
  const uint32_t number = Number(frame.header.stream);
  if (!options_.peer_opens) return PeerError::Protocol("an open that only the relay may send");
  if (number % 2 == 0) return PeerError::Protocol("an open with the other side's stream id");
  if (number <= last_id_) return PeerError::Protocol("an open with a used stream id");
  last_id_ = number;
  ByteReader reader(frame.payload);
  uint64_t limit = 0;
  if (!reader.Read(limit)) return PeerError::Protocol("an open without a limit");
  const bool interactive = (frame.header.flags & engine::kFlagInteractive) != 0;
  events_.OnOpen(frame.header.stream,
                 interactive ? engine::Priority::kInteractive : engine::Priority::kBulk, limit,
                 engine::AsText(reader.rest()));
  return {};
}

PeerError SwitchPort::HandleStreamFrame(CircuitEnd& end, Frame& frame, engine::Instant now) {
  const FrameType type = frame.header.type;
  const bool answers = type == FrameType::kAccept || type == FrameType::kReject;
  if (!end.circuit.accepted && !answers && type != FrameType::kReset) {
    return PeerError::Protocol("a frame of a stream that was not accepted yet");
  }
  switch (type) {
    case FrameType::kAccept:
      return HandleAccept(end, frame);
    case FrameType::kReject:
      if (options_.peer_opens || end.circuit.accepted) {
        return PeerError::Protocol("a reject of a stream that is open");
      }
      return HandleClose(end, frame);
    case FrameType::kReset:
      return HandleClose(end, frame);
    case FrameType::kData:
      return HandleData(end, frame, now);
    case FrameType::kFinish:
      return HandleFinish(end, frame);
    case FrameType::kCredit:
      return HandleCredit(end, frame);
    case FrameType::kControl:
      if (!end.other().port.queue_.PushControl(end.other(), frame.payload)) {
        End(end.circuit, &end, &end.other(), CloseCode::kTooMany, "too many control messages");
        return {};
      }
      end.other().port.carrier_.OutputReady();
      return {};
    default:
      return PeerError::Protocol("a link's frame on a stream");
  }
}

PeerError SwitchPort::HandleAccept(CircuitEnd& end, const Frame& frame) {
  if (options_.peer_opens || end.circuit.accepted) {
    return PeerError::Protocol("an accept of a stream that is open");
  }
  end.circuit.accepted = true;
  CHECK(queue_.Open(end, engine::LoadBig<uint64_t>(frame.payload.data())));  // Nothing was early.
  CircuitEnd& client = end.other();
  client.port.Push(FrameType::kAccept, 0, client.id(),
                   {LimitBytes(client.flow.Grant(end.window()).limit)});
  return {};
}

PeerError SwitchPort::HandleData(CircuitEnd& end, Frame& frame, engine::Instant now) {
  const PeerError error = ToPeerError(end.flow.Received(frame.data.size()));
  if (!error.ok()) return error;
  end.circuit.client.port.last_data_ = now;
  CircuitEnd& other = end.other();
  // The room around a frame that was alone in its record goes with it: it is sealed there again.
  const bool taken = other.port.queue_.PushData(other, frame.header.flags, std::move(frame.data));
  CountPieces(other);
  if (!taken || end.circuit.client.port.budget_.has_too_many_pieces()) {
    End(end.circuit, &end, &other, CloseCode::kTooMany, "too many small frames wait");
    return {};
  }
  other.port.carrier_.OutputReady();
  return {};
}

PeerError SwitchPort::HandleFinish(CircuitEnd& end, const Frame& frame) {
  const auto offset = engine::LoadBig<uint64_t>(frame.payload.data());
  const PeerError error = ToPeerError(end.flow.Finished(offset));
  if (!error.ok()) return error;
  CircuitEnd& other = end.other();
  other.port.queue_.PushFinish(other);
  other.port.carrier_.OutputReady();
  return {};
}

PeerError SwitchPort::HandleCredit(CircuitEnd& end, const Frame& frame) {
  const engine::Credit credit{engine::LoadBig<uint64_t>(frame.payload.data()),
                              engine::LoadBig<uint64_t>(frame.payload.data() + sizeof(uint64_t))};
  const PeerError error = ToPeerError(queue_.UpdateCredit(end, credit));
  if (!error.ok()) return error;
  CircuitEnd& other = end.other();
  other.port.queue_.CreditDue(other);
  other.port.carrier_.OutputReady();
  carrier_.OutputReady();
  return {};
}

PeerError SwitchPort::HandleClose(CircuitEnd& end, const Frame& frame) {
  CloseCode code{};
  std::string_view text;
  if (!ReadClose(frame.payload, code, text)) return PeerError::Protocol("a close without a code");
  End(end.circuit, &end.other(), nullptr, code, text);
  return {};
}

bool SwitchPort::WasClosed(StreamId id) const {
  const uint32_t number = Number(id);
  return number <= last_id_ && (number % 2 == 1) == options_.peer_opens;
}

// ---------------------------------------------------------------- to the peer

size_t SwitchPort::GatherRecord(std::span<ByteView> slices, engine::Instant) {
  return queue_.Gather(slices);
}

void SwitchPort::RecordTaken() { queue_.Taken(); }

void SwitchPort::OnOutputTaken(engine::StreamOutput& stream) {
  auto& end = static_cast<CircuitEnd&>(stream);
  CircuitEnd& other = end.other();
  CountPieces(end);
  if (other.flow.finished() && end.is_drained()) {
    end.finish_taken = true;
    if (other.finish_taken) return End(end.circuit, nullptr, nullptr, CloseCode::kNormal, {});
  }
  if (!other.flow.finished() && other.flow.IsCreditDue(end.window())) {
    other.port.queue_.CreditDue(other);
    other.port.carrier_.OutputReady();
  }
}

engine::Credit SwitchPort::GatherCredit(engine::StreamOutput& stream) {
  auto& end = static_cast<CircuitEnd&>(stream);
  return end.flow.Grant(end.other().window());
}

engine::Instant SwitchPort::NextDeadline() const {
  if (over_) return engine::Instant::max();
  if (!hello_seen_) return std::min(hello_deadline_, liveness_.NextDeadline());
  return std::min(IdleDeadline(), liveness_.NextDeadline());
}

void SwitchPort::LimitIdle(engine::Duration idle_max, engine::Instant now) {
  CHECK(options_.peer_opens);
  idle_max_ = idle_max;
  last_data_ = now;
}

engine::Instant SwitchPort::IdleDeadline() const {
  return idle_max_ == engine::Duration::zero() ? engine::Instant::max() : last_data_ + idle_max_;
}

void SwitchPort::HandleDeadline(engine::Instant now) {
  if (over_) return;
  if (!hello_seen_ && now >= hello_deadline_) {
    return Fail(CloseCode::kTimedOut, "no hello came in time");
  }
  if (now >= IdleDeadline()) return events_.OnIdle();
  switch (liveness_.Check(now)) {
    case engine::Liveness::Due::kNothing:
      return;
    case engine::Liveness::Due::kPing: {
      // Without a hello of ours it is counted all the same: its deadline stands for it.
      const auto number = LimitBytes(liveness_.Ping(now));
      if (!hello_sent_) return;
      return Push(FrameType::kPing, 0, engine::kLinkStream, {number});
    }
    case engine::Liveness::Due::kSilent:
      return Fail(CloseCode::kSilent, "nothing was heard for too long");
  }
}

void SwitchPort::Push(FrameType type, uint8_t flags, StreamId id,
                      std::initializer_list<ByteView> parts) {
  if (over_) return;
  if (!queue_.PushLink(type, flags, id, parts)) {
    return Fail(CloseCode::kTooMany, "too many answers wait to be read");
  }
  carrier_.OutputReady();
}

void SwitchPort::PushClose(FrameType type, StreamId id, CloseCode code, std::string_view text) {
  if (over_) return;
  if (!queue_.PushClose(type, id, code, text)) {
    return Fail(CloseCode::kTooMany, "too many answers wait to be read");
  }
  carrier_.OutputReady();
}

// --------------------------------------------------------------------- the end

void SwitchPort::Fail(CloseCode code, std::string_view text) {
  if (over_) return;
  if (code == CloseCode::kSilent) carrier_.GiveUpPeer();
  Goaway(code, text);
  parser_.Drop();
  events_.OnFailed(code, text);
}

void SwitchPort::End(Circuit& circuit, CircuitEnd* tell, CircuitEnd* tell_too, CloseCode code,
                     std::string_view text) {
  Detach(circuit.client);
  Detach(circuit.node);
  SwitchPort& client_port = circuit.client.port;
  client_port.events_.OnCircuitEnded(circuit, code);
  const auto found = client_port.circuits_.find(circuit.client.id());
  CHECK(found != client_port.circuits_.end());
  const std::unique_ptr<Circuit> last = std::move(found->second);
  client_port.circuits_.erase(found);
  client_port.budget_.Return(last->held_max);
  for (CircuitEnd* end : {tell, tell_too}) {
    if (end == nullptr) continue;
    const bool is_answer = end == &last->client && !last->accepted;
    end->port.PushClose(is_answer ? FrameType::kReject : FrameType::kReset, end->id(), code, text);
  }
  last->client.port.CloseIfDrained();
  last->node.port.CloseIfDrained();
}

void SwitchPort::CountPieces(CircuitEnd& end) {
  const uint32_t count = end.data_item_count();
  end.circuit.client.port.budget_.CountPieces(end.counted_pieces, count);
  end.counted_pieces = count;
}

void SwitchPort::Detach(CircuitEnd& end) {
  end.port.queue_.Drop(end);
  CountPieces(end);
  end.port.ends_.erase(end.id());
  if (!end.port.ends_.empty()) return;
  end.port.queue_.Rest();
  end.port.liveness_.SetOccupied(false);
}

}  // namespace relay
