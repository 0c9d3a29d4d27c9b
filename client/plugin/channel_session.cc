#include "client/plugin/channel_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "client/plugin/channel_link.h"
#include "engine/base/check.h"

namespace client {

using engine::datachannel::AgentMessage;
using engine::datachannel::AgentMessageError;
using engine::datachannel::ChannelClosed;
using engine::datachannel::DataChannel;
using engine::datachannel::HandshakeComplete;
using engine::datachannel::HandshakeRequest;
using engine::datachannel::kSessionShell;
using engine::datachannel::kStreamPayloadMax;
using engine::datachannel::MessageType;
using engine::datachannel::PayloadType;

namespace {

// How much is said in one message, before and after it is sealed.
constexpr size_t kPlainMax = kStreamPayloadMax - engine::crypto::kPayloadOverhead;

bool IsSealed(PayloadType type) {
  return type == PayloadType::kOutput || type == PayloadType::kStdErr ||
         type == PayloadType::kExitCode;
}

}  // namespace

ChannelSession::ChannelSession(engine::Loop& loop, UnixMs clock, uint64_t seed, Events& events)
    : loop_(loop),
      clock_(std::move(clock)),
      events_(events),
      // However long somebody there does not read, the session is not over.
      channel_(DataChannel::Side::kClient, {}, *this, seed),
      timer_op_(engine::Handler<engine::Fired>::To<&ChannelSession::OnTimer>(this)) {
  channel_.Disconnected();
}

ChannelSession::~ChannelSession() { CHECK(joined()); }

void ChannelSession::Attach(ChannelLink& link) {
  link_ = &link;
  link_->HoldInput(is_held_);
  channel_.Connected();
  Pump();
}

void ChannelSession::Detach() {
  link_ = nullptr;
  channel_.Disconnected();
}

void ChannelSession::Receive(engine::ByteView bytes) {
  if (is_stopped_) return;
  AgentMessage message;
  if (Decode(bytes, message) != AgentMessageError::kNone) return;  // Its sender repeats it.
  // A machine may take a message that is missing behind acknowledged ones for one whose
  // acknowledgement was lost: so none is acknowledged.
  if (is_refused_ && message.type == MessageType::kOutputStreamData) return;
  is_receiving_ = true;
  const bool is_channels = channel_.Receive(message, loop_.Now());
  is_receiving_ = false;
  if (!is_channels) {
    ChannelClosed closed;
    if (message.type == MessageType::kChannelClosed && Decode(message.payload, closed)) {
      events_.OnSessionClosed(closed);
    }
    return;
  }
  Pump();
  if (wants_room_ && channel_.HasRoom()) {
    wants_room_ = false;
    events_.OnSessionRoom();
  }
}

void ChannelSession::Pump() {
  // An answer goes after the acknowledgement of what it answers.
  if (is_receiving_ || is_stopped_) return;
  std::array<std::byte, DataChannel::kOutgoingSizeMax> bytes;
  while (link_ != nullptr && channel_.HasNext() && link_->HasRoom(bytes.size())) {
    const size_t size = channel_.NextMessage(loop_.Now(), static_cast<uint64_t>(clock_()), bytes);
    if (size == 0) break;
    link_->Send(engine::ByteView(bytes).first(size));
  }
  ArmTimer();
}

bool ChannelSession::HasRoom() {
  const bool has_room = is_started_ && channel_.HasRoom();
  wants_room_ = wants_room_ || !has_room;
  return has_room;
}

void ChannelSession::Send(PayloadType type, engine::ByteView payload) {
  channel_.Send(type, payload);
  Pump();
}

size_t ChannelSession::SendBytes(engine::ByteView bytes) {
  size_t sent = 0;
  while (sent < bytes.size() && HasRoom()) {
    const size_t size = std::min(bytes.size() - sent, cipher_ ? kPlainMax : kStreamPayloadMax);
    SendPayload(bytes.subspan(sent, size));
    sent += size;
  }
  Pump();
  return sent;
}

void ChannelSession::SendPayload(engine::ByteView bytes) {
  if (!cipher_.has_value()) return channel_.Send(PayloadType::kOutput, bytes);
  std::array<std::byte, kStreamPayloadMax> sealed;
  channel_.Send(PayloadType::kOutput, engine::ByteView(sealed).first(cipher_->Seal(bytes, sealed)));
}

void ChannelSession::Hold() {
  is_held_ = true;
  if (link_ != nullptr) link_->HoldInput(true);
}

void ChannelSession::Resume() {
  is_held_ = false;
  is_refused_ = false;
  if (link_ != nullptr) link_->HoldInput(false);
  channel_.Retry();
  Pump();
}

void ChannelSession::Stop() {
  is_stopped_ = true;
  loop_.Cancel(timer_op_);
}

bool ChannelSession::OnStreamData(PayloadType type, engine::ByteView payload) {
  if (is_stopped_) return false;
  switch (type) {
    case PayloadType::kHandshakeRequest:
      return TakeHandshakeRequest(payload);
    case PayloadType::kHandshakeComplete:
      return TakeHandshakeComplete(payload);
    case PayloadType::kChallengeRequest:
      return TakeChallenge(payload);
    default:
      break;
  }
  if (!is_started_) {
    if (is_answered_) return false;  // Not before the machine says that it is complete.
    Start({.type = kSessionShell});
  }
  if (!is_started_) return false;
  return cipher_.has_value() && IsSealed(type) ? HandOverSealed(type, payload)
                                               : HandOver(type, payload);
}

bool ChannelSession::HandOver(PayloadType type, engine::ByteView payload) {
  is_refused_ = !events_.OnSessionData(type, payload);
  return !is_refused_;
}

bool ChannelSession::HandOverSealed(PayloadType type, engine::ByteView payload) {
  std::string plain(payload.size(), '\0');
  const std::optional<size_t> size =
      cipher_->Open(payload, std::as_writable_bytes(std::span(plain)));
  if (size.has_value()) return HandOver(type, engine::AsBytes(plain).first(*size));
  Break("what the machine sent is not encrypted with the session's data key");
  return true;
}

void ChannelSession::Break(const std::string& why) {
  if (!std::exchange(is_broken_, true)) events_.OnSessionBroken(why);
}

bool ChannelSession::TakeHandshakeRequest(engine::ByteView payload) {
  if (is_answered_ || is_started_) return true;  // One session shakes hands once.
  HandshakeRequest request;
  if (!Decode(payload, request)) {
    Break("the machine's handshake cannot be read");
    return true;
  }
  is_answered_ = true;
  asked_ = SessionKind{.type = request.session_type,
                       .properties = request.properties,
                       .agent_version = request.agent_version,
                       .customer_message = {}};
  request_ = std::move(request);
  if (!request_.encryption.has_value()) {
    AnswerHandshake(std::nullopt);
  } else {
    events_.OnSessionKeyWanted(request_.encryption->key_id, request_.encryption->challenge);
  }
  return true;
}

void ChannelSession::ProvideKey(const absl::StatusOr<DataKey>& key) {
  if (is_stopped_ || is_broken_) return;
  if (key.ok()) {
    cipher_.emplace(engine::crypto::PayloadCipher::End::kClient, engine::AsBytes(key->plaintext));
  }
  AnswerHandshake(key);
  Pump();
}

void ChannelSession::AnswerHandshake(const std::optional<absl::StatusOr<DataKey>>& key) {
  const std::string json = Encode(AnswerTo(request_, key));
  // Machines read it from one message.
  if (json.size() > kStreamPayloadMax) return Break("the machine's handshake asks for too much");
  channel_.Send(PayloadType::kHandshakeResponse, engine::AsBytes(json));
}

bool ChannelSession::TakeChallenge(engine::ByteView payload) {
  if (is_started_ || !cipher_.has_value()) return true;  // It hears that there is no key.
  const std::optional<std::string> answer = AnswerToChallenge(payload, *cipher_);
  if (!answer.has_value() || answer->size() > kStreamPayloadMax) {
    Break("the machine does not hold the session's data key");
  } else {
    channel_.Send(PayloadType::kChallengeResponse, engine::AsBytes(*answer));
  }
  return true;
}

bool ChannelSession::TakeHandshakeComplete(engine::ByteView payload) {
  if (is_started_ || is_broken_) return true;
  HandshakeComplete complete;
  if (!asked_.has_value() || !IsKnownType(asked_->type) || !Decode(payload, complete)) {
    Break("unable to determine SessionType");
    return true;
  }
  asked_->customer_message = complete.customer_message;
  Start(*std::exchange(asked_, std::nullopt));
  return true;
}

void ChannelSession::Start(SessionKind kind) {
  is_started_ = true;
  events_.OnSessionKind(kind);
}

void ChannelSession::ArmTimer() {
  const engine::Instant deadline = channel_.NextDeadline();
  if (is_stopped_ || deadline == engine::Instant::max()) return;
  if (!timer_op_.in_flight()) {
    armed_ = deadline;
    loop_.StartTimer(timer_op_, deadline);
  } else if (deadline < armed_) {
    armed_ = deadline;
    loop_.Cancel(timer_op_);  // Its end arms it anew.
  }
}

void ChannelSession::OnTimer(engine::Fired) {
  if (is_stopped_) return;
  if (channel_.NextDeadline() <= loop_.Now()) channel_.HandleDeadline(loop_.Now());
  Pump();
}

}  // namespace client
