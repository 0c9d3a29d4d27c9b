#include "engine/net/tls_tunnel.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/check.h"
#include "engine/tls/tls_error.h"

namespace engine {

using Kind = ConnectionEnd::Kind;

TlsTunnel::TlsTunnel(RecordCarrier& outer, std::unique_ptr<TlsChannel> channel, Events& events)
    : outer_(outer), events_(events), channel_(std::move(channel)) {}

TlsTunnel::~TlsTunnel() { CHECK(!pumping_); }

void TlsTunnel::Start(Instant now) {
  handshake_deadline_ = now + SecureConnection::kHandshakeMax;
  PumpInput(now);
}

void TlsTunnel::OutputReady() { outer_.OutputReady(); }

void TlsTunnel::CloseAfterOutput() {
  close_requested_ = true;
  OutputReady();
}

void TlsTunnel::Receive(BufferRef ciphertext, Instant now) {
  if (over_) return;
  heard_ = true;
  // What is received is read at once, so the channel's queue fills only while the pool is empty.
  if (!channel_->Receive(std::move(ciphertext))) {
    return End({Kind::kExhausted, "there were no buffers left for what the other end sent"});
  }
  PumpInput(now);
}

void TlsTunnel::PumpInput(Instant now) {
  CHECK(!pumping_);
  pumping_ = true;
  TlsChannel::Outcome outcome = TlsChannel::Outcome::kOk;
  while (outcome == TlsChannel::Outcome::kOk) {
    BufferRef plaintext;
    outcome = channel_->Read(plaintext);
    if (!secured_ && channel_->handshake_done()) {
      secured_ = true;
      handshake_deadline_ = Instant::max();
      events_.OnInnerSecured();
    }
    const bool for_protocol = outcome == TlsChannel::Outcome::kOk && !close_requested_;
    if (for_protocol && protocol_ != nullptr) protocol_->Receive(std::move(plaintext), now);
  }
  pumping_ = false;
  output_was_full_ = outcome == TlsChannel::Outcome::kOutputFull;
  if (outcome == TlsChannel::Outcome::kEndOfStream) {
    End({Kind::kClosedByPeer, "the other side closed the connection"});
  } else if (outcome == TlsChannel::Outcome::kError) {
    End({secured_ ? Kind::kPeerError : Kind::kHandshakeFailed, channel_->error_text()});
  } else if (outcome == TlsChannel::Outcome::kNoBuffers) {
    retry_at_ = now + SecureConnection::kNoBuffersPause;
  }
  OutputReady();
}

// PumpOutput seals what the protocol has, as far as the outer connection takes it soon.
void TlsTunnel::PumpOutput(Instant now) {
  std::array<ByteView, kRecordSlicesMax> slices;
  while (protocol_ != nullptr && secured_ && !close_sent_ && channel_->error() == TlsError::kNone &&
         channel_->output_size() < SecureConnection::kSealedAheadMax) {
    // What was gathered must be taken: it cannot be given back.
    const TlsChannel::Outcome room = channel_->RoomForRecord();
    if (room == TlsChannel::Outcome::kNoBuffers) {
      retry_at_ = now + SecureConnection::kNoBuffersPause;
    }
    if (room != TlsChannel::Outcome::kOk) break;
    const size_t count = protocol_->GatherRecord(slices, now);
    if (count == 0) break;
    // An error is told by the next Read().
    const TlsChannel::Outcome outcome = channel_->Write(std::span(slices).first(count));
    if (outcome == TlsChannel::Outcome::kError) break;
    CHECK(outcome == TlsChannel::Outcome::kOk);
    protocol_->RecordTaken();
  }
  const bool all_said = channel_->output_size() == 0;
  if (close_requested_ && secured_ && !close_sent_ && all_said) {
    close_sent_ = channel_->Close() == TlsChannel::Outcome::kOk;
  }
}

size_t TlsTunnel::GatherRecord(std::span<ByteView> slices, Instant now) {
  if (!over_) PumpOutput(now);
  size_t count = channel_->Output(slices);
  gathered_ = 0;
  for (size_t i = 0; i < count; ++i) {
    slices[i] = slices[i].first(std::min(slices[i].size(), kRecordSizeMax - gathered_));
    gathered_ += slices[i].size();
    if (gathered_ == kRecordSizeMax) count = i + 1;
  }
  if (count == 0 && close_requested_ && !over_) End({Kind::kClosedByUs, "closed"});
  return count;
}

void TlsTunnel::RecordTaken() {
  channel_->OutputSent(std::exchange(gathered_, 0));
  if (std::exchange(output_was_full_, false)) retry_at_ = Instant{};
}

Instant TlsTunnel::NextDeadline() const {
  if (over_) return Instant::max();
  const Instant ours = std::min(handshake_deadline_, retry_at_);
  return protocol_ == nullptr ? ours : std::min(ours, protocol_->NextDeadline());
}

void TlsTunnel::HandleDeadline(Instant now) {
  if (!over_ && now >= handshake_deadline_) {
    return End({Kind::kHandshakeFailed, "TLS with the other end was not set up in time"});
  }
  if (!over_ && now >= retry_at_) {
    retry_at_ = Instant::max();
    PumpInput(now);
  }
  if (over_ || protocol_ == nullptr || now < protocol_->NextDeadline()) return;
  protocol_->HandleDeadline(now);
  OutputReady();
}

void TlsTunnel::End(ConnectionEnd end) {
  over_ = true;
  events_.OnInnerEnded(end);
}

}  // namespace engine
