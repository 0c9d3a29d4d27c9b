// One local connection, joined to one stream.
//
//     local program  --> InputPump  --> stream      FIN <-> FINISH
//                    <-- OutputPump <--             RST <-> RESET, REJECT
//
// No byte is copied on the way, but for small slices that wait, and nothing is allocated.

#pragma once

#include <string_view>

#include "client/input_pump.h"
#include "client/lane_set.h"
#include "client/output_pump.h"
#include "engine/loop/loop.h"
#include "engine/mux/multiplexer.h"

namespace client {

class ForwardConnection final : private engine::StreamEvents,
                                private InputPump::Sink,
                                private OutputPump::Events {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The node did not connect; the local program has read no byte and gets a reset.
    virtual void OnConnectionRefused(engine::CloseCode code, std::string_view text) = 0;
    // Much has moved without a pause (BulkMeter). Called with every piece while that lasts.
    virtual void OnConnectionBulk() = 0;
    // The last call: socket and stream are gone. The owner may destroy the connection in it.
    virtual void OnConnectionOver(ForwardConnection& connection) = 0;
  };

  // `multiplexer` may be destroyed once it has said OnClosed.
  ForwardConnection(engine::Loop& loop, engine::Multiplexer& multiplexer, engine::Socket socket,
                    Owner& owner);

  // Open takes over the socket and asks the node to connect, as `request` says. What the local
  // program sends meanwhile is already under way, up to a frame; the node drops it if it cannot
  // connect. False: the lane is full, or the other side is leaving it; nothing was done.
  [[nodiscard]] bool Open(engine::ByteView request);

  // Shut resets both sides; OnConnectionOver follows.
  void Shut() { End(engine::CloseMode::kReset); }

 private:
  void OnRejected(engine::CloseCode code, std::string_view text) override;
  void OnData(engine::Channel channel, engine::BufferRef payload) override;
  void OnWritable() override { in_.Resume(); }
  void OnFinished() override;
  void OnClosed(engine::CloseCode code, std::string_view text) override;

  size_t TakeInput(engine::BufferRef slice) override;
  void OnInputEnded(engine::IoError error) override;

  void OnPumped(OutputPump& pump, size_t bytes) override;
  void OnPumpFailed(OutputPump& pump, engine::IoError error, size_t dropped_bytes) override;

  void OnSocketClosed(engine::Closed outcome);

  void CountBytes(size_t bytes);
  void FinishOutput();
  void End(engine::CloseMode mode);
  void CloseIfJoined();

  engine::Loop& loop_;
  Owner& owner_;
  const engine::Socket socket_;
  InputPump in_;
  OutputPump out_;
  engine::CloseOp close_op_;
  engine::Multiplexer& multiplexer_;  // Used while the stream is open.
  BulkMeter meter_;
  engine::StreamId stream_ = engine::kLinkStream;
  bool stream_open_ = false;
  bool remote_finished_ = false;
  bool output_finished_ = false;  // The local program was told the end.
  bool ending_ = false;
  engine::CloseMode close_mode_ = engine::CloseMode::kOrderly;
};

}  // namespace client
