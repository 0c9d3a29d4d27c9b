#include "agent/target/encrypted_target.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/buffer/dry_pool.h"
#include "engine/crypto/constant_time.h"
#include "engine/crypto/random_bytes.h"
#include "engine/loop/loop.h"

namespace agent {

using engine::ByteView;
using engine::CloseCode;
using engine::PacketKind;

namespace {

constexpr std::string_view kTooBusy = "the node has no memory left for it; try again later";
// What AWS's clients type for Ctrl-C and Ctrl-\, which means something without a terminal, too.
constexpr std::byte kInterrupt{0x03};
constexpr std::byte kQuit{0x1C};
// What AWS's agents say of a program that a signal ended.
constexpr int kEndedBySignal = -1;

}  // namespace

EncryptedTarget::EncryptedTarget(const TargetContext& context, Target::Owner& owner,
                                 StreamHandle stream, engine::StreamKey key, Program program)
    : context_(context),
      owner_(owner),
      stream_(std::move(stream)),
      key_(std::move(key)),
      program_(std::move(program)),
      retry_op_(engine::Handler<engine::Fired>::To<&EncryptedTarget::OnRetry>(this)) {}

EncryptedTarget::~EncryptedTarget() { CHECK(over_); }

// ------------------------------------------------------------------ the key

void EncryptedTarget::Start() {
  question_ = context_.keys->Open({.session_id = program_.session_id,
                                   .key_id = key_.key_id,
                                   .data_key = key_.data_key,
                                   .challenge = key_.challenge},
                                  [this](absl::StatusOr<std::string> key) {
                                    if (state_ == State::kAsking) TakeKey(std::move(key));
                                  });
}

void EncryptedTarget::TakeKey(absl::StatusOr<std::string> key) {
  if (key.ok() && key->size() != engine::crypto::kDataKeySize) {
    key = absl::InvalidArgumentError("the session's data key does not have 64 bytes");
  }
  if (!key.ok()) {
    const std::string text(key.status().message());
    engine::log::Write(engine::log::Level::kWarning, "data_key_not_opened",
                       {{"session", program_.session_id}, {"reason", text}});
    stream_.Reject(CloseCode::kCannotStart, text);
    state_ = State::kOver;
    return CheckOver();
  }
  cipher_.emplace(engine::crypto::PayloadCipher::End::kNode, engine::AsBytes(*key));
  engine::crypto::Cleanse(std::as_writable_bytes(std::span(*key)));
  output_.emplace(context_.loop.buffers(), stream_, *cipher_, key_);
  state_ = State::kChallenged;
  engine::crypto::FillRandom(challenge_);  // Before Accept, which hands over what came early.
  if (!stream_.Accept(*this)) return Fail(CloseCode::kConnectionReset, {});
  if (state_ == State::kChallenged) Say(PacketKind::kChallenge, challenge_);
}

bool EncryptedTarget::Say(PacketKind kind, ByteView plain) {
  if (output_->Send(kind, plain)) return true;
  Fail(CloseCode::kTooMany, kTooBusy);
  return false;
}

// ------------------------------------------------------------- from the peer

void EncryptedTarget::OnData(engine::Channel, engine::BufferRef payload) {
  ByteView bytes = payload.bytes();
  while (!bytes.empty() && state_ != State::kOver && stream_.attached()) {
    bytes = bytes.subspan(reader_.Take(bytes));
    if (reader_.failed()) return Fail(CloseCode::kProtocolError, "a packet is too large");
    if (!reader_.whole()) continue;
    TakePacket();
    reader_.Pop();
  }
}

void EncryptedTarget::TakePacket() {
  if (state_ == State::kChallenged && reader_.kind() == PacketKind::kAnswer) return TakeAnswer();
  if (state_ == State::kRunning && reader_.kind() == PacketKind::kInput) return TakeInput();
  Fail(CloseCode::kProtocolError, "a packet of this kind is not for now");
}

void EncryptedTarget::TakeAnswer() {
  const std::span<std::byte> sealed = reader_.payload();
  std::array<std::byte, engine::kPacketPayloadMax> plain;
  const std::optional<size_t> size = cipher_->Open(sealed, plain);
  stream_.Consume(engine::kPacketHeadSize + sealed.size());
  const bool fits = size.has_value() &&
                    engine::crypto::ConstantTimeEqual(ByteView(plain).first(*size), challenge_);
  if (!fits) return Fail(CloseCode::kDenied, "the client does not hold the session's data key");
  state_ = State::kReady;
  engine::log::Write(engine::log::Level::kInfo, "session_encrypted",
                     {{"session", program_.session_id}, {"key", key_.key_id}});
  Say(PacketKind::kReady, {});
}

void EncryptedTarget::TakeInput() {
  const std::span<std::byte> sealed = reader_.payload();
  engine::BufferRef block = context_.loop.buffers().Take();
  if (block.empty()) return Fail(CloseCode::kTooMany, kTooBusy);
  const std::optional<size_t> size = cipher_->Open(sealed, block.bytes());
  if (!size.has_value()) {
    return Fail(CloseCode::kDenied,
                "what the client sent is not sealed with the session's data key");
  }
  block.KeepFirst(*size);
  if (!program_.with_terminal) {
    stream_.Consume(engine::kPacketHeadSize + sealed.size());
    return SendSignals(block.bytes());
  }
  stream_.Consume(engine::kPacketHeadSize + sealed.size() - *size);
  if (events_ == nullptr || !early_input_.empty()) {
    early_input_.append(engine::AsText(block.bytes()));
  } else if (*size > 0) {
    events_->OnData(engine::Channel::kMain, std::move(block));
  }
}

// What came early waits until the program's own first input is typed.
void EncryptedTarget::Join(engine::StreamEvents& target) {
  events_ = &target;
  RetryAfter(engine::Duration::zero());
}

void EncryptedTarget::HandOverEarly() {
  if (events_ == nullptr) return;
  if (early_size_.has_value()) {
    const std::string json = engine::Encode(*std::exchange(early_size_, std::nullopt));
    events_->OnControl(engine::AsBytes(json));
  }
  while (!early_input_.empty() && stream_.attached()) {
    engine::BufferRef block = context_.loop.buffers().Take();
    if (block.empty()) return RetryAfter(engine::kDryPoolPause);
    block.KeepFirst(std::min(block.size(), early_input_.size()));
    std::memcpy(block.bytes().data(), early_input_.data(), block.size());
    early_input_.erase(0, block.size());
    events_->OnData(engine::Channel::kMain, std::move(block));
  }
}

// Without a terminal nothing that is typed reaches the program, but for two keys.
void EncryptedTarget::SendSignals(ByteView keys) {
  for (const std::byte key : keys) {
    const bool is_signal = key == kInterrupt || key == kQuit;
    if (!is_signal || events_ == nullptr) continue;
    const std::string json =
        engine::Encode(engine::Signal{.name = key == kInterrupt ? "INT" : "QUIT"});
    events_->OnControl(engine::AsBytes(json));
  }
}

void EncryptedTarget::OnControl(ByteView message) {
  if (events_ != nullptr && !early_size_.has_value()) return events_->OnControl(message);
  engine::ControlMessage decoded;
  if (!engine::Decode(engine::AsText(message), decoded)) return;  // A newer peer's; not for us.
  const auto* resize = std::get_if<engine::Resize>(&decoded);
  if (resize == nullptr) return;
  if (state_ == State::kRunning) early_size_ = *resize;
  if (state_ == State::kReady) Run(resize->size);
}

void EncryptedTarget::Run(engine::TerminalSize size) {
  state_ = State::kRunning;
  target_ = program_.make(*this, StreamHandle(static_cast<StreamCoat&>(*this)), size);
  target_->Start();
}

void EncryptedTarget::OnWritable() {
  if (!output_->Flush()) return;
  if (events_ != nullptr) events_->OnWritable();
  SayLastWords();
  RetryIfDry();
}

void EncryptedTarget::OnFinished() {
  if (events_ != nullptr) return events_->OnFinished();
  Fail(CloseCode::kProtocolError, "the client ended its input before the program was there");
}

void EncryptedTarget::OnClosed(CloseCode code, std::string_view text) {
  stream_.Detach();
  if (std::exchange(state_, State::kOver) == State::kAsking) context_.keys->Forget(question_);
  if (events_ != nullptr) return events_->OnClosed(code, text);
  if (target_ != nullptr) return target_->End(code, text);
  CheckOver();
}

// ---------------------------------------------------------- from the program

size_t EncryptedTarget::Write(engine::Channel channel, engine::BufferRef payload) {
  if (!stream_.attached()) return payload.size();
  const size_t taken = output_->Write(channel, payload.bytes());
  RetryIfDry();
  return taken;
}

bool EncryptedTarget::has_output() const { return output_->waits() || stream_.has_output(); }

// The exit is behind the last of the output, and before it there is a packet.
bool EncryptedTarget::SendControl(std::string_view json) {
  engine::ControlMessage message;
  if (engine::Decode(json, message)) {
    if (const auto* exit = std::get_if<engine::Exit>(&message)) exit_ = *exit;
  }
  return true;
}

void EncryptedTarget::Finish() {
  is_finishing_ = true;
  SayLastWords();
  RetryIfDry();
}

void EncryptedTarget::SayLastWords() {
  if (!is_finishing_ || !stream_.attached() || !output_->Flush()) return;
  if (exit_.has_value() && key_.separates_output && !has_said_code_) {
    const int code = exit_->signal.empty() ? exit_->status : kEndedBySignal;
    const std::string text = "EXIT_CODE: " + std::to_string(code);
    if (!output_->Send(PacketKind::kExitCode, engine::AsBytes(text))) return;
    has_said_code_ = true;
    if (!output_->Flush()) return;
  }
  is_finishing_ = false;
  if (exit_.has_value() && !stream_.SendControl(engine::Encode(*exit_))) {
    return Fail(CloseCode::kInternal, "the exit status could not be sent");
  }
  stream_.Finish();
}

void EncryptedTarget::RetryIfDry() {
  if (output_->is_dry()) RetryAfter(engine::kDryPoolPause);
}

void EncryptedTarget::RetryAfter(engine::Duration pause) {
  if (retry_op_.in_flight() || !stream_.attached()) return;
  context_.loop.StartTimer(retry_op_, context_.loop.Now() + pause);
}

void EncryptedTarget::OnRetry(engine::Fired) {
  if (stream_.attached()) HandOverEarly();
  if (stream_.attached()) OnWritable();
  CheckOver();
}

// ------------------------------------------------------------------- the end

void EncryptedTarget::End(CloseCode code, std::string_view text) {
  if (target_ != nullptr) return target_->End(code, text);
  Fail(code, text);
}

void EncryptedTarget::Fail(CloseCode code, std::string_view text) {
  const bool is_asking = std::exchange(state_, State::kOver) == State::kAsking;
  if (target_ != nullptr) return target_->End(code, text);
  if (is_asking) {
    context_.keys->Forget(question_);
    stream_.Reject(code, text);
  } else {
    stream_.Reset(code, text);
  }
  CheckOver();
}

void EncryptedTarget::CheckOver() {
  if (over_) return;
  if (target_ != nullptr && !target_->over()) return;
  if (target_ == nullptr && state_ != State::kOver) return;
  if (retry_op_.in_flight()) return context_.loop.Cancel(retry_op_);
  over_ = true;
  owner_.OnTargetOver();
}

}  // namespace agent
