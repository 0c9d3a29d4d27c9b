#include "client/plugin/channel_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "client/plugin/channel_link.h"
#include "client/plugin/plugin_arguments.h"
#include "engine/base/check.h"

namespace client {

using namespace engine::datachannel;  // The words of one protocol, all over this file.

namespace {

bool IsKnownType(const std::string& type) {
  return type == kSessionShell || type == kSessionInteractive || type == kSessionNonInteractive ||
         type == kSessionPort;
}

HandshakeResponse AnswerTo(const HandshakeRequest& request) {
  HandshakeResponse response;
  response.client_version = kPluginVersion;
  if (!request.session_type.empty()) {
    ProcessedAction action{.type = kActionSessionType};
    if (!IsKnownType(request.session_type)) {
      const std::string why = "Unknown session type " + request.session_type;
      action.status = ActionStatus::kFailed;
      action.error = "Failed to process action SessionType: " + why;
      response.errors.push_back(why);
    }
    response.actions.push_back(action);
  }
  if (request.encryption.has_value()) {
    response.actions.push_back(
        {.type = kActionEncryption,
         .status = ActionStatus::kUnsupported,
         .error = "This session-manager-plugin does not encrypt with KMS yet; start the session "
                  "under a document without kmsKeyId"});
  }
  for (const std::string& unknown : request.unknown_actions) {
    response.actions.push_back({.type = unknown,
                                .status = ActionStatus::kUnsupported,
                                .error = "Unsupported action " + unknown});
  }
  return response;
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
    const size_t size = std::min(bytes.size() - sent, kStreamPayloadMax);
    channel_.Send(PayloadType::kOutput, bytes.subspan(sent, size));
    sent += size;
  }
  Pump();
  return sent;
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
      return true;  // It has heard that there will be no encryption.
    default:
      break;
  }
  if (!is_started_) {
    if (is_answered_) return false;  // Not before the machine says that it is complete.
    Start({.type = kSessionShell});
  }
  if (!is_started_) return false;
  is_refused_ = !events_.OnSessionData(type, payload);
  return !is_refused_;
}

bool ChannelSession::TakeHandshakeRequest(engine::ByteView payload) {
  if (is_answered_ || is_started_) return true;  // One session shakes hands once.
  HandshakeRequest request;
  if (!Decode(payload, request)) {
    is_broken_ = true;
    events_.OnSessionBroken("the machine's handshake cannot be read");
    return true;
  }
  is_answered_ = true;
  asked_ = SessionKind{.type = request.session_type,
                       .properties = request.properties,
                       .agent_version = request.agent_version,
                       .customer_message = {}};
  const std::string json = Encode(AnswerTo(request));
  // Machines read it from one message.
  if (json.size() > kStreamPayloadMax) {
    is_broken_ = true;
    events_.OnSessionBroken("the machine's handshake asks for too much");
    return true;
  }
  channel_.Send(PayloadType::kHandshakeResponse, engine::AsBytes(json));
  return true;
}

bool ChannelSession::TakeHandshakeComplete(engine::ByteView payload) {
  if (is_started_ || is_broken_) return true;
  HandshakeComplete complete;
  if (!asked_.has_value() || !IsKnownType(asked_->type) || !Decode(payload, complete)) {
    is_broken_ = true;
    events_.OnSessionBroken("unable to determine SessionType");
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
