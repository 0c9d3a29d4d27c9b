#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/datachannel/byte_fifo.h"
#include "engine/datachannel/smux_session.h"
#include "relay/gateway/conduit.h"

namespace relay {

// MultiplexedConduit is a port session whose client multiplexes its connections by smux. The
// multiplexing ends here: each of its streams is one of Adit's, with that one's credit.
class MultiplexedConduit final : public Conduit, private engine::datachannel::SmuxSession::Handler {
 public:
  // A client that has closed a connection hears nothing of it any more, and many targets never end
  // by themselves: after so long without a byte of theirs the connection is given up.
  static constexpr engine::Duration kHalfClosedMax = std::chrono::seconds(30);

  // `request` opens a connection to the target; `streams_max` may be open at once.
  MultiplexedConduit(Host& host, std::string request, size_t streams_max);
  ~MultiplexedConduit() override;

  void Start() override {}
  bool TakeInput(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void PumpOutput() override;
  engine::Instant NextDeadline() const override { return std::min(sweep_at_, retry_at_); }
  void HandleDeadline(engine::Instant now) override;

 private:
  // Line is one connection: a stream of smux and one of Adit's.
  class Line final : public engine::StreamEvents {
   public:
    Line(MultiplexedConduit& owner, uint32_t id) : owner_(owner), id_(id) {}
    ~Line() override;

    bool Open();
    size_t Write(engine::ByteView bytes);
    void FinishInput();
    // Retry offers again what Write did not take.
    void Retry();
    void PumpOutput();
    // Close ends Adit's stream now, and smux's unless both sides have ended it. Nothing is called
    // back any more.
    void Close();
    // IsStale says whether the client is gone and the target silent since `before`.
    bool IsStale(engine::Instant before) const { return is_input_over_ && heard_at_ <= before; }

   private:
    void OnRejected(engine::CloseCode code, std::string_view text) override;
    void OnData(engine::Channel channel, engine::BufferRef payload) override;
    void OnWritable() override;
    void OnFinished() override;
    void OnClosed(engine::CloseCode code, std::string_view text) override;

    MultiplexedConduit& owner_;
    const uint32_t id_;
    engine::StreamId stream_ = engine::kLinkStream;
    bool is_stream_open_ = false;
    bool is_input_over_ = false;   // The client sends no more.
    bool is_target_over_ = false;  // The target sends no more ...
    bool is_finish_said_ = false;  // ... and the client knows.
    engine::Instant heard_at_{};
    engine::datachannel::ByteFifo output_;  // At most the stream's window.
  };

  void OnOpened(uint32_t id) override;
  size_t OnData(uint32_t id, engine::ByteView bytes) override;
  void OnFinished(uint32_t id) override;
  void OnRoom(uint32_t id) override;

  // Drop ends a connection; its memory goes with the next PumpOutput, for it may be on the stack.
  void Drop(uint32_t id);
  void RetryLater(uint32_t id);
  void RetryDry();
  void TellUnreachable();
  void ArmSweep();

  Host& host_;
  const std::string request_;
  engine::datachannel::SmuxSession smux_;
  absl::flat_hash_map<uint32_t, std::unique_ptr<Line>> lines_;
  std::vector<std::unique_ptr<Line>> dropped_;
  engine::Instant sweep_at_ = engine::Instant::max();
  // Those whose bytes found no block, and when to try again: nobody else says that there are some.
  std::vector<uint32_t> dry_;
  engine::Instant retry_at_ = engine::Instant::max();
  bool is_unreachable_due_ = false;
};

}  // namespace relay
