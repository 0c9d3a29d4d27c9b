#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/datachannel/byte_fifo.h"
#include "engine/datachannel/smux_session.h"
#include "relay/originals/outward_conduit.h"

namespace relay {

// OutwardPort is the connections of a forwarded port that an original agent makes: each of Adit's
// streams is one of smux's.
class OutwardPort final : public OutwardConduit, private engine::datachannel::SmuxSession::Handler {
 public:
  // `streams_max` may be open at once.
  OutwardPort(Host& host, size_t streams_max);
  ~OutwardPort() override;

  void Open(engine::StreamId id) override;
  void Start() override;
  bool TakeOutput(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void PumpInput() override;
  void Finish(const engine::datachannel::TaskComplete& task) override;
  bool done() const override { return lines_.empty() && waiting_.empty(); }
  void Abandon(engine::CloseCode code, std::string_view why) override;

 private:
  // Line is one connection: a stream of Adit's and one of smux.
  class Line final : public engine::StreamEvents {
   public:
    Line(OutwardPort& owner, engine::StreamId stream, uint32_t id)
        : owner_(owner), stream_(stream), id_(id) {}
    ~Line() override;

    size_t TakeOutput(engine::ByteView bytes);
    // FinishOutput ends the target's direction; `is_refused`: there never was a connection.
    void FinishOutput(bool is_refused);
    void PumpInput();
    // Retry offers again what TakeOutput did not take.
    void Retry();
    // Close ends both streams now. Nothing is called back any more.
    void Close(engine::CloseCode code, std::string_view why);

   private:
    void OnData(engine::Channel channel, engine::BufferRef payload) override;
    void OnWritable() override { Retry(); }
    void OnFinished() override;
    void OnClosed(engine::CloseCode code, std::string_view text) override;

    OutwardPort& owner_;
    const engine::StreamId stream_;
    const uint32_t id_;
    bool is_stream_open_ = true;
    bool is_smux_open_ = true;     // As far as we have anything to say.
    bool is_input_over_ = false;   // The client sends no more.
    bool is_output_over_ = false;  // The target sends no more.
    bool has_answered_ = false;
    engine::datachannel::ByteFifo input_;  // At most the stream's window.
  };

  // OnOpened is a machine's to hear.
  void OnOpened(uint32_t) override {}
  size_t OnData(uint32_t id, engine::ByteView bytes) override;
  void OnFinished(uint32_t id) override;
  void OnRoom(uint32_t id) override;

  void Begin(engine::StreamId stream);
  Line* Find(uint32_t id);
  // Drop ends a connection; its memory goes with the next PumpInput, for it may be on the stack.
  void Drop(uint32_t id, engine::CloseCode code, std::string_view why);

  Host& host_;
  const size_t streams_max_;
  bool is_started_ = false;
  bool is_over_ = false;
  bool is_output_refused_ = false;
  engine::datachannel::SmuxSession smux_;
  std::vector<engine::StreamId> waiting_;  // Opened before the start.
  absl::flat_hash_map<uint32_t, std::unique_ptr<Line>> lines_;
  std::vector<std::unique_ptr<Line>> dropped_;
  std::vector<uint32_t> dry_;  // Those whose bytes found no block.
  size_t refused_count_ = 0;   // Connections that failed and were not told apart yet.
};

}  // namespace relay
