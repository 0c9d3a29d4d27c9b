// The peer's frames: each is judged first and then believed.

#include <array>
#include <utility>

#include "engine/base/check.h"
#include "engine/mux/multiplexer.h"
#include "engine/mux/multiplexer_state.h"

namespace engine {
namespace {

struct Close {
  CloseCode code;
  std::string_view text;
};

// CloseOf reads kReject, kReset and kGoaway; their size was checked with the header.
Close CloseOf(ByteView payload) {
  return {static_cast<CloseCode>(LoadBig<uint16_t>(payload.data())),
          AsText(payload.subspan(sizeof(uint16_t)))};
}

}  // namespace

void Multiplexer::State::Receive(BufferRef plaintext) {
  liveness_.Heard(now_);
  received_position_ += plaintext.size();
  parser_.Feed(std::move(plaintext));
  const uint64_t received_before = received_bytes_;
  const bool was_met = is_hello_received_;
  FrameParser::Frame frame;
  while (phase_ == Phase::kRunning) {
    const FrameParser::Result result = parser_.Next(frame);
    if (result == FrameParser::Result::kHungry) break;
    const PeerError error = result == FrameParser::Result::kBroken
                                ? PeerError::Protocol(FrameErrorText(parser_.error()))
                                : ReceiveFrame(frame);
    if (!error.ok() && phase_ == Phase::kRunning) Fail(error.code, error.text);
  }
  // A lane measures its way before bulk waits in it; other links once something comes.
  const bool is_met = is_hello_received_ && !was_met && is_hello_sent_ && log_ != nullptr;
  const bool is_measured = is_met || received_bytes_ != received_before;
  if (phase_ == Phase::kRunning && is_measured && liveness_.IsProbeDue(now_)) Ping();
  if (received_position_ - acknowledged_position_ >= kAckBytesMax) Acknowledge();
}

PeerError Multiplexer::State::ReceiveFrame(FrameParser::Frame& frame) {
  const FrameHeader& header = frame.header;
  if (!is_hello_received_) {
    const bool is_hello = header.type == FrameType::kControl && header.stream == kLinkStream;
    if (!is_hello && header.type != FrameType::kGoaway)
      return PeerError::Protocol("the first frame is no hello");
    is_hello_received_ = is_hello;
  }
  if (header.type != FrameType::kPing) liveness_.Used(now_);
  switch (header.type) {
    case FrameType::kOpen:
      return ReceiveOpen(header, frame.payload);
    case FrameType::kAccept:
    case FrameType::kReject:
      return ReceiveAnswer(header, frame.payload);
    case FrameType::kData:
      return ReceiveData(header, std::move(frame.data));
    case FrameType::kFinish:
      return ReceiveFinish(header, frame.payload);
    case FrameType::kReset:
      return ReceiveReset(header, frame.payload);
    case FrameType::kCredit:
      return ReceiveCredit(header, frame.payload);
    case FrameType::kControl:
      return ReceiveControl(header, frame.payload);
    case FrameType::kPing:
      return ReceivePing(header, frame.payload);
    case FrameType::kAck:
      return ReceiveAck(frame.payload);
    case FrameType::kGoaway: {
      is_goaway_received_ = true;
      const Close close = CloseOf(frame.payload);
      events_.OnGoaway(close.code, close.text);
      return {};
    }
  }
  return PeerError::Protocol("unknown frame type");
}

// CheckClosed judges a frame for a stream that is not open. The stream may have closed while the
// frame was on its way; one that never was is the peer's mistake.
PeerError Multiplexer::State::CheckClosed(StreamId id) const {
  const uint32_t number = static_cast<uint32_t>(id);
  const bool was_open = IsOurs(id) ? number < next_id_ : number <= newest_peer_id_;
  return was_open ? PeerError() : PeerError::Protocol("a frame for a stream that was never opened");
}

PeerError Multiplexer::State::ReceiveOpen(const FrameHeader& header, ByteView payload) {
  const uint32_t number = static_cast<uint32_t>(header.stream);
  if (IsOurs(header.stream)) return PeerError::Protocol("an open with an id of the other side's");
  if (number <= newest_peer_id_)
    return PeerError::Protocol("an open with an id that does not grow");
  newest_peer_id_ = number;

  const auto refuse = [&](CloseCode code, std::string_view text) -> PeerError {
    if (output_.PushClose(FrameType::kReject, header.stream, code, text)) return {};
    return {CloseCode::kTooMany, kUnreadText};
  };
  if (is_goaway_sent_) return refuse(CloseCode::kShuttingDown, "this side is going away");
  const Priority priority =
      (header.flags & kFlagInteractive) != 0 ? Priority::kInteractive : Priority::kBulk;
  Stream* stream = MakeStream(header.stream, priority, Stream::Opener::kPeer);
  if (stream == nullptr) return refuse(CloseCode::kTooMany, "too many streams on this link");
  stream->peer_limit = LoadBig<uint64_t>(payload.data());
  events_.OnOpen(header.stream, priority, payload.subspan(sizeof(uint64_t)));
  return {};
}

PeerError Multiplexer::State::ReceiveAnswer(const FrameHeader& header, ByteView payload) {
  Stream* stream = Find(header.stream);
  if (stream == nullptr) return CheckClosed(header.stream);
  const PeerError error = stream->AllowsAnswer();
  if (!error.ok()) return error;
  StreamEvents* events = stream->events;
  if (header.type == FrameType::kReject) {
    DestroyStream(*stream);
    const Close close = CloseOf(payload);
    events->OnRejected(close.code, close.text);
    return {};
  }
  if (!output_.Open(*stream, LoadBig<uint64_t>(payload.data())))
    return PeerError::Protocol("an accept whose limit is less than what it took early");
  stream->receive_half = Stream::Half::kOpen;
  if (stream->send_half == Stream::Half::kWaiting) stream->send_half = Stream::Half::kOpen;
  events->OnAccepted();
  return {};
}

PeerError Multiplexer::State::ReceiveData(const FrameHeader& header, BufferRef data) {
  Stream* stream = Find(header.stream);
  if (stream == nullptr) return CheckClosed(header.stream);
  if (takes_early_ && header.flags == 0 && stream->MayBeEarly(data.size()))
    return ReceiveEarly(*stream, std::move(data));
  // What is not early, and not answered either, is refused here.
  const PeerError error = stream->ReceiveData(data.size());
  if (!error.ok()) return error;
  received_bytes_ += data.size();
  const Channel channel = (header.flags & kFlagStderr) != 0 ? Channel::kStderr : Channel::kMain;
  stream->events->OnData(channel, std::move(data));
  return {};
}

PeerError Multiplexer::State::ReceiveEarly(Stream& stream, BufferRef data) {
  const size_t size = data.size();
  if (!stream.receive.Receive(size))
    return {CloseCode::kFlowControl, "data beyond the stream's limit"};
  received_bytes_ += size;
  if (stream.KeepEarly(std::move(data), pool_)) return {};
  const StreamId id = stream.id();
  DestroyStream(stream);
  PushClose(FrameType::kReject, id, CloseCode::kTooMany, "no memory is left for early data");
  return {};
}

PeerError Multiplexer::State::ReceiveControl(const FrameHeader& header, ByteView payload) {
  if (header.stream == kLinkStream) {
    events_.OnControl(payload);
    return {};
  }
  Stream* stream = Find(header.stream);
  if (stream == nullptr) return CheckClosed(header.stream);
  const PeerError error = stream->AllowsControl();
  if (!error.ok()) return error;
  stream->events->OnControl(payload);
  return {};
}

PeerError Multiplexer::State::ReceiveFinish(const FrameHeader& header, ByteView payload) {
  Stream* stream = Find(header.stream);
  if (stream == nullptr) return CheckClosed(header.stream);
  const PeerError error = stream->ReceiveFinish(LoadBig<uint64_t>(payload.data()));
  if (!error.ok()) return error;
  stream->events->OnFinished();
  stream = Find(header.stream);
  if (stream != nullptr) CloseIfOver(*stream);
  return {};
}

PeerError Multiplexer::State::ReceiveReset(const FrameHeader& header, ByteView payload) {
  Stream* stream = Find(header.stream);
  if (stream == nullptr) return CheckClosed(header.stream);
  StreamEvents* events = stream->events;
  const bool was_accepted = stream->is_accepted();
  DestroyStream(*stream);
  if (events == nullptr) return {};
  const Close close = CloseOf(payload);
  if (was_accepted) {
    events->OnClosed(close.code, close.text);
  } else {
    events->OnRejected(close.code, close.text);
  }
  return {};
}

PeerError Multiplexer::State::ReceiveCredit(const FrameHeader& header, ByteView payload) {
  Stream* stream = Find(header.stream);
  if (stream == nullptr) return CheckClosed(header.stream);
  const PeerError error = stream->AllowsCredit();
  if (!error.ok()) return error;
  const Credit credit{.received = LoadBig<uint64_t>(payload.data()),
                      .limit = LoadBig<uint64_t>(payload.data() + sizeof(uint64_t))};
  const CreditError lie = output_.UpdateCredit(*stream, credit);
  return lie == CreditError::kNone ? PeerError() : PeerError::Protocol(CreditErrorText(lie));
}

PeerError Multiplexer::State::ReceiveAck(ByteView payload) {
  if (!resumes_) return PeerError::Protocol("an acknowledgement on a link that does not resume");
  // One that was sent again knows less than what the peer said when the link went on.
  if (log_->Acknowledge(LoadBig<uint64_t>(payload.data()))) return {};
  return PeerError::Protocol("an acknowledgement of what was never sent");
}

PeerError Multiplexer::State::ReceivePing(const FrameHeader& header, ByteView payload) {
  if ((header.flags & kFlagAnswer) != 0) {
    liveness_.Answered(LoadBig<uint64_t>(payload.data()), now_);
    return {};
  }
  Acknowledge();
  if (!is_hello_sent_) return {};  // Our first frame is the hello; a later ping gets its answer.
  if (!output_.PushLink(FrameType::kPing, kFlagAnswer, kLinkStream, {payload}))
    return {CloseCode::kTooMany, kUnreadText};
  return {};
}

}  // namespace engine
