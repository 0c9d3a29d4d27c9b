// A stream whose bytes an AWS client and this node encrypt for each other, around the program that
// it is joined to. PROTOCOL.md, section "Encrypted sessions".
//
//     Start --> key asked for --(key: accept, challenge)--> challenged --(answer fits: ready)-->
//                   |                                           |
//                   +-(none: reject)--> over <--(it does not)---+
//     ready --(resize: the program is started)--> running --> over with the program
//
// The program's target sees plain bytes; what it says is sealed on its way.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/target/data_keys.h"
#include "agent/target/packet_output.h"
#include "agent/target/stream_coat.h"
#include "agent/target/stream_handle.h"
#include "agent/target/target.h"
#include "engine/crypto/payload_cipher.h"
#include "engine/loop/op.h"
#include "engine/wire/cipher_packet.h"
#include "engine/wire/control.h"

namespace agent {

class EncryptedTarget final : public Target, private Target::Owner, private StreamCoat {
 public:
  // Program is what is started, with its terminal, if it has one, of that size.
  struct Program {
    std::string session_id;
    bool with_terminal = true;
    std::function<std::unique_ptr<Target>(Target::Owner& owner, StreamHandle stream,
                                          engine::TerminalSize size)>
        make;
  };

  EncryptedTarget(const TargetContext& context, Target::Owner& owner, StreamHandle stream,
                  engine::StreamKey key, Program program);
  ~EncryptedTarget() override;

  void Start() override;
  void End(engine::CloseCode code, std::string_view text) override;
  bool over() const override { return over_; }
  bool IsOn(const engine::Multiplexer& link) const override { return stream_.IsOn(link); }

  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnControl(engine::ByteView message) override;
  void OnWritable() override;
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

 private:
  enum class State : uint8_t { kAsking, kChallenged, kReady, kRunning, kOver };

  // What the program's target says of its stream.
  void Join(engine::StreamEvents& target) override;
  void Reset(engine::CloseCode code, std::string_view text) override { stream_.Reset(code, text); }
  size_t Write(engine::Channel channel, engine::BufferRef payload) override;
  bool has_output() const override;
  void Consume(size_t size) override { stream_.Consume(size); }
  bool SendControl(std::string_view json) override;
  void Finish() override;
  void OnTargetOver() override { CheckOver(); }

  void TakeKey(absl::StatusOr<std::string> key);
  void TakePacket();
  void TakeAnswer();
  void TakeInput();
  void SendSignals(engine::ByteView keys);
  void Run(engine::TerminalSize size);
  // Say writes one packet while the stream has room for a few; false: it has ended instead.
  bool Say(engine::PacketKind kind, engine::ByteView plain);
  void SayLastWords();
  void HandOverEarly();
  void RetryIfDry();
  void RetryAfter(engine::Duration pause);
  void OnRetry(engine::Fired outcome);
  void Fail(engine::CloseCode code, std::string_view text);
  void CheckOver();

  const TargetContext& context_;
  Target::Owner& owner_;
  StreamHandle stream_;
  const engine::StreamKey key_;
  const Program program_;
  State state_ = State::kAsking;
  uint64_t question_ = 0;  // To the key service, while kAsking.
  std::optional<engine::crypto::PayloadCipher> cipher_;
  std::optional<PacketOutput> output_;
  engine::PacketReader reader_;
  std::array<std::byte, engine::crypto::kKeyChallengeSize> challenge_{};
  std::unique_ptr<Target> target_;          // While kRunning, and after.
  engine::StreamEvents* events_ = nullptr;  // The target's, once it has accepted.
  // What came while the program was being started: the newest size, and what was typed, which the
  // stream's window bounds.
  std::optional<engine::Resize> early_size_;
  std::string early_input_;
  std::optional<engine::Exit> exit_;  // To be said after all output ...
  bool has_said_code_ = false;
  bool is_finishing_ = false;  // ... and before the end.
  bool over_ = false;
  engine::TimerOp retry_op_;  // When the pool has run dry, and to hand over what came early.
};

}  // namespace agent
