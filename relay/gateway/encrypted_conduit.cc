#include "relay/gateway/encrypted_conduit.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/base/check.h"
#include "engine/crypto/base64.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_payloads.h"

namespace relay {

using engine::ByteView;
using engine::CloseCode;
using engine::PacketKind;
using engine::datachannel::PayloadType;

void EncryptedConduit::Start() {
  CHECK(state_ == State::kNew);
  state_ = State::kProving;
  engine::GrantedRequest request;
  request.terminal = "xterm-256color";
  request.key = key_;
  const std::string json = engine::EncodeOpen(request);
  if (json.size() > engine::kOpenRequestMax) {
    return End("Unable to start command: its data key is too long", "Too long a data key.");
  }
  stream_.Open(json, *this);
}

// --------------------------------------------------------------------- input

bool EncryptedConduit::TakeInput(PayloadType type, ByteView payload) {
  switch (type) {
    case PayloadType::kSize:
      TakeSize(payload);
      return true;
    case PayloadType::kChallengeResponse:
      return state_ != State::kProving || TakeAnswer(payload);
    case PayloadType::kOutput:
      if (state_ == State::kNew || state_ == State::kProving) return false;
      if (state_ == State::kWaitingForSize) SendSize();
      return SendPacket(PacketKind::kInput, payload);
    case PayloadType::kFlag: {
      engine::datachannel::SessionFlag flag{};
      if (Decode(payload, flag) && flag == engine::datachannel::SessionFlag::kTerminateSession) {
        host_.Finish({}, "The client ended the session.");
      }
      return true;
    }
    default:
      return true;  // Nothing else is a client's to say; real machines pass over it.
  }
}

bool EncryptedConduit::TakeAnswer(ByteView payload) {
  engine::datachannel::EncryptionChallenge answer;
  std::optional<std::string> sealed;
  if (Decode(payload, answer)) sealed = engine::crypto::DecodeBase64(answer.challenge);
  if (!sealed.has_value()) {
    End("The client's answer to the challenge cannot be read.", "No answer to the challenge.");
    return true;
  }
  return SendPacket(PacketKind::kAnswer, engine::AsBytes(*sealed));
}

bool EncryptedConduit::SendPacket(PacketKind kind, ByteView payload) {
  if (!stream_.takes_input()) return true;
  if (payload.size() > engine::kPacketPayloadMax) {
    End("The client sent too long a message.", "Too long a message.");
    return true;
  }
  packet_.resize(engine::kPacketHeadSize);
  engine::WritePacketHead(kind, payload.size(), std::as_writable_bytes(std::span(packet_)));
  packet_.append(engine::AsText(payload));
  return input_.Offer(host_.multiplexer(), host_.pool(), stream_.id(), engine::AsBytes(packet_));
}

void EncryptedConduit::TakeSize(ByteView payload) {
  if (!ProgramStream::ReadSize(payload, size_)) return;
  is_size_known_ = true;
  if (state_ == State::kWaitingForSize || state_ == State::kRunning) SendSize();
}

// The first size starts the program; see EncryptedTarget.
void EncryptedConduit::SendSize() {
  state_ = State::kRunning;
  size_by_ = engine::Instant::max();
  stream_.SendSize(size_);
}

void EncryptedConduit::HandleDeadline(engine::Instant now) {
  if (state_ == State::kWaitingForSize && now >= size_by_) SendSize();
}

// -------------------------------------------------------------------- output

void EncryptedConduit::OnData(engine::Channel, engine::BufferRef payload) {
  output_.Append(payload.bytes());
  host_.OutputWaits();
}

void EncryptedConduit::OnControl(ByteView message) {
  engine::ControlMessage control;
  if (!engine::Decode(engine::AsText(message), control)) return;
  if (const auto* exit = std::get_if<engine::Exit>(&control)) host_.Exited(*exit);
}

void EncryptedConduit::OnFinished() { stream_.Finished(); }

void EncryptedConduit::OnRejected(CloseCode code, std::string_view text) {
  stream_.Rejected(code, text);
}

void EncryptedConduit::OnClosed(CloseCode code, std::string_view text) {
  stream_.Closed(code, text);
}

void EncryptedConduit::PumpOutput() {
  while (!output_.empty() && state_ != State::kOver && host_.HasRoom()) {
    const size_t taken = reader_.Take(output_.front());
    output_.Take(taken);
    stream_.Consume(taken);
    if (reader_.failed()) return End("The node sent what cannot be read.", "No packet.");
    if (!reader_.whole()) continue;
    PassOn();
    reader_.Pop();
  }
  if (output_.empty() && stream_.over() && state_ != State::kOver) {
    End(stream_.end_output(), stream_.end_reason());
  }
}

void EncryptedConduit::PassOn() {
  switch (reader_.kind()) {
    case PacketKind::kChallenge: {
      const engine::datachannel::EncryptionChallenge challenge{
          engine::crypto::EncodeBase64(reader_.payload())};
      return host_.Send(PayloadType::kChallengeRequest, engine::AsBytes(Encode(challenge)));
    }
    case PacketKind::kReady:
      if (state_ != State::kProving) return;
      state_ = State::kWaitingForSize;
      size_by_ = host_.Now() + kSizeMax;
      host_.KeyProven();
      if (is_size_known_) SendSize();
      return;
    case PacketKind::kOutput:
      return PassOnPayload(PayloadType::kOutput);
    case PacketKind::kErrorOutput:
      return PassOnPayload(PayloadType::kStdErr);
    case PacketKind::kExitCode:
      return PassOnPayload(PayloadType::kExitCode);
    case PacketKind::kAnswer:
    case PacketKind::kInput:
      return;
  }
}

void EncryptedConduit::PassOnPayload(PayloadType type) {
  const std::span<std::byte> payload = reader_.payload();
  const bool fits = !payload.empty() && payload.size() <= engine::datachannel::kStreamPayloadMax;
  if (fits) return host_.Send(type, payload);
  End("The node sent a message that is too long for a client.", "Too long a message.");
}

void EncryptedConduit::End(std::string output, std::string reason) {
  state_ = State::kOver;
  host_.Finish(std::move(output), reason);
}

}  // namespace relay
