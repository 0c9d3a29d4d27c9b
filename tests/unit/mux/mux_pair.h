// Two multiplexers, or one and hand-made frames, joined in memory.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/mux/multiplexer.h"

namespace engine {

// FakeCarrier remembers what a multiplexer asked of its connection.
struct FakeCarrier final : RecordCarrier {
  void OutputReady() override { is_ready = true; }
  void CloseAfterOutput() override { is_closing = true; }
  bool is_ready = false;
  bool is_closing = false;
};

// FakeStream remembers what a multiplexer told it. It consumes at once unless told not to.
struct FakeStream final : StreamEvents {
  void OnAccepted() override { is_accepted = true; }
  void OnRejected(CloseCode code, std::string_view text) override;
  void OnData(Channel channel, BufferRef payload) override;
  void OnControl(ByteView message) override { controls.emplace_back(AsText(message)); }
  void OnWritable() override {
    ++writable_count;
    if (on_writable) on_writable();
  }
  void OnFinished() override {
    is_finished = true;
    if (on_finished) on_finished();
  }
  void OnClosed(CloseCode code, std::string_view text) override;

  // ConsumeAll returns credit for what was not consumed at once.
  void ConsumeAll();

  Multiplexer* mux = nullptr;
  StreamId id{};
  bool consumes = true;
  bool is_accepted = false;
  bool is_rejected = false;
  bool is_finished = false;
  bool is_closed = false;
  int writable_count = 0;
  CloseCode code{};
  std::string text;
  std::string main;
  std::string standard_error;
  std::vector<std::string> controls;
  size_t unconsumed = 0;
  std::function<void()> on_writable;
  std::function<void()> on_finished;
  std::function<void()> on_data;
  std::function<void()> on_end;
};

// End is one multiplexer with all that it needs. Streams that the peer opens are accepted into
// `streams`, unless on_open decides.
struct End final : LinkEvents {
  End(Side side, const MultiplexerOptions& options, uint16_t block_count = 1024,
      uint32_t block_size = 16 * 1024);

  void OnOpen(StreamId id, Priority priority, ByteView request) override;
  void OnControl(ByteView message) override { controls.emplace_back(AsText(message)); }
  void OnGoaway(CloseCode code, std::string_view text) override;
  void OnFailed(CloseCode code, std::string_view text) override;

  // Say sends the hello, which must precede all else.
  void Say();
  FakeStream& Open(Priority priority = Priority::kBulk, std::string_view request = "{}");
  // Write queues text through pool blocks; returns how much was taken.
  size_t Write(StreamId id, std::string_view text, Channel channel = Channel::kMain);
  BufferRef Block(std::string_view text);
  // Gathered returns all that it has to send, as records.
  std::vector<std::string> Gathered(Instant now = {});
  // Receive hands over bytes in chunks of at most `chunk_max`.
  void Receive(std::string_view bytes, Instant now = {}, size_t chunk_max = 16 * 1024);

  BufferPool pool;
  FakeCarrier carrier;
  Multiplexer mux;
  std::map<StreamId, std::unique_ptr<FakeStream>> streams;
  std::function<void(StreamId)> on_open;
  std::vector<std::string> controls;
  std::vector<std::string> requests;
  std::vector<Priority> priorities;
  bool is_failed = false;
  bool is_goaway = false;
  CloseCode code{};
  std::string text;
};

// MuxPair is a connected and an accepted end whose hellos are exchanged.
struct MuxPair {
  explicit MuxPair(const MultiplexerOptions& options = {});

  // Pump moves bytes both ways until both are silent; with `random`, in chunks of its choice.
  void Pump(Random* random = nullptr);

  Instant now{};
  End client;
  End node;
};

// FrameText returns the bytes of one frame, whether legal or not.
std::string FrameText(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload);
std::string FrameText(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload);
std::string Big16(uint16_t value);
std::string Big64(uint64_t value);

// ParsedFrame is one frame of a record, for looking at what was sent.
struct ParsedFrame {
  FrameHeader header;
  std::string payload;
};
std::vector<ParsedFrame> FramesOf(std::string_view bytes);
std::vector<ParsedFrame> FramesOf(const std::vector<std::string>& records);

}  // namespace engine
