#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "engine/datachannel/byte_fifo.h"
#include "engine/wire/cipher_packet.h"
#include "engine/wire/control.h"
#include "relay/gateway/conduit.h"
#include "relay/gateway/program_stream.h"
#include "relay/gateway/stream_input.h"

namespace relay {

// EncryptedConduit is a shell or a command whose payloads client and node encrypt for each other:
// one stream of packets, which it passes on as messages and cannot read.
//
//     Start: stream with the data key --> challenge, answer --(ready)--> KeyProven
//     size of the client's terminal: the node starts the program --> input, output --> end
class EncryptedConduit final : public Conduit, private engine::StreamEvents {
 public:
  // As of ProgramConduit.
  static constexpr engine::Duration kSizeMax = std::chrono::seconds(1);

  EncryptedConduit(Host& host, engine::StreamKey key)
      : host_(host), key_(std::move(key)), stream_(host) {}

  void Start() override;
  bool TakeInput(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void PumpOutput() override;
  engine::Instant NextDeadline() const override { return size_by_; }
  void HandleDeadline(engine::Instant now) override;

 private:
  enum class State : uint8_t { kNew, kProving, kWaitingForSize, kRunning, kOver };

  void OnRejected(engine::CloseCode code, std::string_view text) override;
  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnControl(engine::ByteView message) override;
  void OnWritable() override { host_.InputMayGoOn(); }
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

  bool TakeAnswer(engine::ByteView payload);
  void TakeSize(engine::ByteView payload);
  bool SendPacket(engine::PacketKind kind, engine::ByteView payload);
  void PassOn();
  void PassOnPayload(engine::datachannel::PayloadType type);
  void SendSize();
  void End(std::string output, std::string reason);

  Host& host_;
  const engine::StreamKey key_;
  State state_ = State::kNew;
  ProgramStream stream_;
  engine::TerminalSize size_;
  bool is_size_known_ = false;
  engine::Instant size_by_ = engine::Instant::max();
  StreamInput input_;
  std::string packet_;                    // That is offered to the stream.
  engine::datachannel::ByteFifo output_;  // At most the stream's window.
  engine::PacketReader reader_;
};

}  // namespace relay
